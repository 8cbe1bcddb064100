//! Every bound of Panelgate, one named constant each. SECURITY.md lists them by name; a test keeps the two equal.

use std::time::Duration;

/// Largest configuration file, in bytes.
pub const CONFIG_BYTES: u64 = 256 * 1024;

/// Largest file with the data of one account, in bytes.
pub const ACCOUNT_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Largest map from domains to accounts (`/etc/userdomains`, `/etc/virtual/domainowners`), in bytes.
pub const DOMAIN_MAP_BYTES: u64 = 128 * 1024 * 1024;

/// Longest line of such a map, in bytes; no more of it is in memory at a time.
pub const DOMAIN_MAP_LINE_BYTES: usize = 64 * 1024;

/// Largest `etc/passwd` below a `[panel] root` other than `/`, in bytes.
pub const PASSWD_BYTES: u64 = 128 * 1024 * 1024;

/// Largest configuration of a web server for the sites of one account, in bytes.
pub const WEB_SERVER_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Most sites of one account.
pub const SITES_PER_ACCOUNT: usize = 10_000;

/// Deepest nesting of a YAML file of a panel.
pub const YAML_DEPTH: usize = 16;

/// Most values (keys, items, scalars) of one YAML or JSON file of a panel.
pub const PANEL_VALUES: usize = 200_000;

/// Most output of a panel's own program, in bytes.
pub const COMMAND_OUTPUT_BYTES: u64 = 16 * 1024 * 1024;

/// Longest run of a panel's own program behind a click.
pub const COMMAND_TIME: Duration = Duration::from_secs(20);

/// Most connections to the builder that are kept for the next call.
pub const BUILDER_IDLE_CONNECTIONS: usize = 32;

/// Longest time that a connection to the builder is kept without a call.
pub const BUILDER_IDLE_TIME: Duration = Duration::from_secs(15);

/// Largest answer of the builder to a JSON call, in bytes.
pub const BUILDER_REPLY_BYTES: u64 = 1024 * 1024;

/// Largest head of an answer of the builder, in bytes.
pub const BUILDER_HEAD_BYTES: usize = 16 * 1024;

/// Largest file with the certificates to trust, in bytes.
pub const CA_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Most redirects of one call to the builder.
pub const BUILDER_REDIRECTS: u32 = 3;

/// Longest address that the builder may send a browser to, in bytes.
pub const SESSION_URL_BYTES: usize = 8 * 1024;

/// Largest body of a page request, in bytes.
pub const PAGE_BODY_BYTES: u64 = 64 * 1024;

/// Longest single meta-variable of a page request that is read, in bytes.
pub const META_VARIABLE_BYTES: usize = 64 * 1024;

/// Longest query string of a page request, in bytes.
pub const QUERY_BYTES: usize = 8 * 1024;

/// Most of a body that is too large that is still read, so that the refusal reaches the browser, in bytes.
pub const PAGE_DRAIN_BYTES: u64 = 1024 * 1024;

/// Most language ranges of an `Accept-Language` header that are looked at.
pub const LANGUAGE_RANGES: usize = 32;

/// Most sites that the chooser lists; further ones are opened by their name.
pub const CHOOSER_SITES: usize = 500;

/// Most meta-variables of a page request.
pub const META_VARIABLES: usize = 512;

/// Most fields of a submitted form.
pub const FORM_FIELDS: usize = 64;

/// Longest wait for the body of a page request.
pub const PAGE_BODY_TIME: Duration = Duration::from_secs(15);

/// Life of a form's token.
pub const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// Life of one generation of publication credentials.
pub const CREDENTIAL_GENERATION: Duration = Duration::from_secs(15 * 24 * 60 * 60);

/// Longest text of the outside that a log line or an error repeats, in bytes.
pub const QUOTED_BYTES: usize = 200;

/// Longest log line, in bytes.
pub const LOG_LINE_BYTES: usize = 2048;

/// Largest frame of the broker's protocol, in bytes, without its length.
pub const FRAME_BYTES: usize = 64 * 1024;

/// Longest wait for a whole frame.
pub const FRAME_TIME: Duration = Duration::from_secs(5);

/// Longest wait of the broker for a client to take its answer.
pub const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Most connections to the broker at a time.
pub const CONNECTIONS: usize = 1024;

/// Most connections of one account's uid to the broker at a time.
pub const CONNECTIONS_PER_ACCOUNT: usize = 16;

/// Most connections of one panel user's or root's to the broker at a time.
pub const CONNECTIONS_PER_PANEL_USER: usize = 512;

/// Most requests of one account's uid that the broker works on at a time.
pub const RUNNING_PER_ACCOUNT: usize = 4;

/// Threads of the broker that work on requests.
pub const WORKERS: usize = 32;

/// Most requests that wait for a thread of the broker.
pub const QUEUED_REQUESTS: usize = 512;

/// Requests that a caller may make at once.
pub const BUCKET_SIZE: u32 = 30;

/// Time after which a caller may make one more.
pub const BUCKET_REFILL: Duration = Duration::from_millis(500);

/// Most callers whose requests are counted.
pub const BUCKETS: usize = 65_536;

/// Longest wait of a page, the command line or the C library for the broker's answer.
pub const BROKER_CALL_TIME: Duration = Duration::from_secs(60);

/// Refusals of one account that the audit takes at once; the log has all.
pub const AUDIT_REFUSALS: u32 = 200;

/// Time after which the audit takes one more.
pub const AUDIT_REFUSAL_REFILL: Duration = Duration::from_secs(120);

/// Most lines that the audit keeps: the oldest go first, once a day.
pub const AUDIT_KEPT: u64 = 2_000_000;

/// Most look-ups of names at a time, those included whose answer nobody waits for any more.
pub const RESOLVERS: usize = 16;

/// Longest wait for the look-up of a name.
pub const RESOLVE_TIME: Duration = Duration::from_secs(3);

/// Time for which the addresses of a server's name are taken again without asking.
pub const RESOLVE_MEMORY: Duration = Duration::from_secs(30);

/// Most lines that one look into the audit shows.
pub const AUDIT_LINES: usize = 10_000;

/// Longest string that a C program may pass, in bytes without its NUL.
pub const FFI_STRING_BYTES: usize = 4096;

/// Largest structure that a C program may pass, in bytes: as much as one of a much later version could need.
pub const FFI_STRUCT_BYTES: usize = 1024;

/// Largest head of a request to the embedded builder or the demo's panel, in bytes.
pub const SANDBOX_HEAD_BYTES: usize = 64 * 1024;

/// Most header fields of a request to the embedded builder or the demo's panel.
pub const SANDBOX_HEADERS: usize = 100;

/// Largest body of a request to the embedded builder or the demo's panel, in bytes.
pub const SANDBOX_BODY_BYTES: usize = 256 * 1024;

/// Most connections at a time to the embedded builder or the demo's panel.
pub const SANDBOX_CONNECTIONS: usize = 64;

/// Longest wait of the embedded builder or the demo's panel for a whole request, and for the client to take the answer.
pub const SANDBOX_REQUEST_TIME: Duration = Duration::from_secs(10);

/// Longest silence on a kept connection to the embedded builder or the demo's panel.
pub const SANDBOX_IDLE_TIME: Duration = Duration::from_secs(30);

/// Most faults that the doctor lists of one kind.
pub const DOCTOR_FAULTS: usize = 10;

/// Most addresses of the builder that the doctor tries.
pub const DOCTOR_ADDRESSES: usize = 8;

/// Largest difference to the builder's clock that the doctor is content with.
pub const DOCTOR_CLOCK: Duration = Duration::from_secs(5 * 60);

/// Largest body of a request to the demo's panel, in bytes; larger than what its pages take, so that they can refuse it.
pub const DEMO_BODY_BYTES: usize = 2 * PAGE_BODY_BYTES as usize;

/// Most output of the program behind the demo's icon, in bytes.
pub const DEMO_PAGE_BYTES: u64 = 1024 * 1024;

/// Longest run of the program behind the demo's icon.
pub const DEMO_PAGE_TIME: Duration = Duration::from_secs(60);

/// Longest wait of the demo's own check for one answer.
pub const DEMO_CHECK_TIME: Duration = Duration::from_secs(70);

/// Life of a demo that nobody ends.
pub const DEMO_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Most calls that the embedded builder remembers.
pub const SANDBOX_RECORDED: usize = 100;

/// Most sites that the embedded builder remembers.
pub const SANDBOX_SITES: usize = 1000;

/// Most sessions that the embedded builder remembers.
pub const SANDBOX_SESSIONS: usize = 1000;

/// Time for which DirectAdmin's word about a session is taken again.
pub const PANEL_SESSION_TIME: Duration = Duration::from_secs(30);

/// Most sessions whose owner is remembered.
pub const PANEL_SESSIONS: usize = 10_000;

/// Longest call of the panel's own port.
pub const PANEL_CALL_TIME: Duration = Duration::from_secs(5);

/// Longest description of a backup, in bytes.
pub const BACKUP_DESCRIPTION_BYTES: usize = 500;

/// Piece in which files are copied, in bytes.
pub const COPY_BYTES: usize = 64 * 1024;

/// Largest manifest of a backup, in bytes.
pub const BACKUP_MANIFEST_BYTES: u64 = 16 * 1024;

/// Most attempts of a job that must not be lost; with the pauses between them, about four days.
pub const JOB_ATTEMPTS: u32 = 24;

/// Pause after the first attempt of a job; it doubles with each further one.
pub const JOB_PAUSE: Duration = Duration::from_secs(60);

/// Longest pause between two attempts of a job.
pub const JOB_LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

/// Most jobs of one kind of work at a time, where no setting says otherwise.
pub const JOBS_PER_LANE: usize = 4;

/// How often the program that runs jobs looks for new ones.
pub const JOB_TICK: Duration = Duration::from_millis(500);

/// Longest wait for running jobs when the program that runs them is told to stop.
pub const JOB_STOP_TIME: Duration = Duration::from_secs(60);

/// Stack of the thread of a job, in bytes.
pub const JOB_STACK_BYTES: usize = 1024 * 1024;

/// Days for which jobs that have ended are remembered.
pub const JOB_DAYS: u64 = 90;

/// Largest packet to Plesk's XML API, in bytes.
pub const PLESK_PACKET_BYTES: usize = 64 * 1024;

/// Largest answer of Plesk's XML API, in bytes; a file that it sends has its own bound.
pub const PLESK_REPLY_BYTES: u64 = 16 * 1024 * 1024;

/// Most elements and texts of an answer of Plesk's XML API.
pub const PLESK_REPLY_NODES: u32 = 500_000;

/// Longest value in a packet to Plesk, in bytes.
pub const PLESK_VALUE_BYTES: usize = 1024;

/// Longest wait for a connection to what makes backups.
pub const PROVIDER_CONNECT_TIME: Duration = Duration::from_secs(10);

/// Longest call of what makes backups, where the call does not do the work itself.
pub const PROVIDER_CALL_TIME: Duration = Duration::from_secs(120);

/// Longest silence of what makes backups in the middle of a call.
pub const PROVIDER_SILENCE: Duration = Duration::from_secs(60);

/// Longest transfer of one file from or to what makes backups.
pub const PROVIDER_TRANSFER_TIME: Duration = Duration::from_secs(6 * 60 * 60);

/// Longest run of a program that makes a backup.
pub const PROVIDER_WORK_TIME: Duration = Duration::from_secs(6 * 60 * 60);

/// Time for which the way to make backups on a Plesk, once found out, is taken again without asking.
pub const PLESK_ROUTE_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// Most files and directories of Plesk's storage of backups that one look goes through.
pub const PLESK_DUMP_ENTRIES: usize = 2_000_000;

/// Largest answer of Installatron, in bytes.
pub const INSTALLATRON_REPLY_BYTES: u64 = 32 * 1024 * 1024;

/// Most pages of a list of Installatron's.
pub const INSTALLATRON_PAGES: usize = 200;
