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

/// Longest wait for cPanel to end its LiveAPI connection to a page.
pub const LIVE_API_TIME: Duration = Duration::from_millis(250);

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

/// Threads of the broker that work on requests. Whatever waits for somebody else has its own bound below, so that some are left for what needs nobody.
pub const WORKERS: usize = 56;

/// Most openings that wait for the builder at a time; the others wait without a thread.
pub const OPENINGS_AT_ONCE: usize = 24;

/// How many of these places are only for accounts that have none yet.
pub const OPENINGS_FOR_OTHERS: usize = 8;

/// Most requests that wait for a thread of the broker.
pub const QUEUED_REQUESTS: usize = 512;

/// Requests that a caller may make at once.
pub const BUCKET_SIZE: u32 = 30;

/// Time after which a caller may make one more.
pub const BUCKET_REFILL: Duration = Duration::from_millis(500);

/// Most callers whose requests are counted.
pub const BUCKETS: usize = 65_536;

/// Time for which the broker gives out what its last examination of the server found.
pub const EXAMINATION_LIFE: Duration = Duration::from_secs(60);

/// Longest wait of a page, the command line or the C library for the broker's answer.
pub const BROKER_CALL_TIME: Duration = Duration::from_secs(60);

/// Longest wait for a call to the builder that the broker makes: three times the longest `[builder] timeout`.
pub const BROKER_BUILDER_TIME: Duration = Duration::from_secs(15 * 60);

/// Refusals of one account that the audit takes at once; the log has all.
pub const AUDIT_REFUSALS: u32 = 200;

/// Time after which the audit takes one more.
pub const AUDIT_REFUSAL_REFILL: Duration = Duration::from_secs(120);

/// Most lines that the audit keeps: the oldest go first, once a day.
pub const AUDIT_KEPT: u64 = 2_000_000;

/// Most look-ups of customers' names at a time, and as many of other names; those included whose answer nobody waits for any more.
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

/// Longest wait for each answer of a site's web server when it is looked at as a visitor would.
pub const NOTICE_TIME: Duration = Duration::from_secs(5);

/// Bytes of such an answer that are looked at.
pub const NOTICE_BYTES: u64 = 4096;

/// Time for which what was found is taken again.
pub const NOTICE_MEMORY: Duration = Duration::from_secs(60 * 60);

/// Most sites of which is remembered what was found.
pub const NOTICES: usize = 50_000;

/// Most sites that one page has looked at.
pub const NOTICE_SITES: usize = 20;

/// Time after which the doctor looks at no further site, unless it is asked to look deep.
pub const DOCTOR_SITES_TIME: Duration = Duration::from_secs(20);

/// Longest wait for the demo's workers when it ends.
pub const DEMO_WORKER_TIME: Duration = Duration::from_secs(5);

/// Longest wait of the doctor for the publication endpoint.
pub const REACH_TIME: Duration = Duration::from_secs(15);

/// Life of a demo that nobody ends.
pub const DEMO_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Most calls that the embedded builder remembers.
pub const SANDBOX_RECORDED: usize = 100;

/// Most sites that the embedded builder remembers.
pub const SANDBOX_SITES: usize = 1000;

/// Most sessions that the embedded builder remembers.
pub const SANDBOX_SESSIONS: usize = 1000;

/// Most archives that the embedded builder keeps for hosts to fetch.
pub const SANDBOX_ARCHIVES: usize = 8;

/// Longest publication of the embedded builder.
pub const SANDBOX_PUBLISH_TIME: Duration = Duration::from_secs(120);

/// Longest answer of an FTP server to a command, in bytes.
pub const FTP_REPLY_BYTES: usize = 16 * 1024;

/// Largest list of a directory that an FTP server gives, in bytes.
pub const FTP_LIST_BYTES: u64 = 1024 * 1024;

/// Longest run of a panel's own program that makes or removes an FTP account.
pub const FTP_ACCOUNT_TIME: Duration = Duration::from_secs(30);

/// Longest wait for each answer of this machine's FTP server when a login is tried.
pub const FTP_LOGIN_TIME: Duration = Duration::from_secs(10);

/// Longest work of a job that makes or removes an FTP account.
pub const FTP_JOB_TIME: Duration = Duration::from_secs(120);

/// Longest wait of an opening for such a job.
pub const FTP_JOB_WAIT: Duration = Duration::from_secs(25);

/// Time after which it is asked again how such a job goes.
pub const FTP_JOB_PAUSE: Duration = Duration::from_millis(200);

/// Pause between two tries of an FTP login that was just made.
pub const FTP_LOGIN_PAUSE: Duration = Duration::from_millis(500);

/// Time for which an FTP login that worked is taken to work.
pub const FTP_LOGIN_MEMORY: Duration = Duration::from_secs(10 * 60);

/// Most FTP logins that are remembered to work.
pub const FTP_LOGINS: usize = 10_000;

/// Largest file with the builder's public SSH key, in bytes.
pub const SSH_KEY_BYTES: u64 = 16 * 1024;

/// Most entries of a published archive.
pub const ARCHIVE_ENTRIES: usize = 50_000;

/// Largest directory of a published archive, in bytes.
pub const ARCHIVE_DIRECTORY_BYTES: u64 = 8 * 1024 * 1024;

/// Most bytes of all names in a published archive together.
pub const ARCHIVE_NAME_BYTES: usize = 6 * 1024 * 1024;

/// Most bytes of all contents of a published archive together.
pub const ARCHIVE_CONTENT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes of contents up to which a published archive may be compressed as well as can be.
pub const ARCHIVE_UNSUSPICIOUS_BYTES: u64 = 64 * 1024 * 1024;

/// Most times that the contents of a larger one may be its compressed size.
pub const ARCHIVE_RATIO: u64 = 100;

/// Time within which the same archive's address again is the same publication.
pub const PUBLICATION_REPEAT: Duration = Duration::from_secs(10 * 60);

/// Most publications of one site that have not ended: one that runs and one that waits.
pub const PUBLICATIONS_PER_SITE: u64 = 2;

/// How often a publication is begun, if the broker ends in the middle of it.
pub const PUBLICATION_ATTEMPTS: u64 = 2;

/// How long the end of a publication can be asked for.
pub const PUBLICATION_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Largest archive of a publication, in bytes.
pub const DOWNLOAD_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Longest download of an archive, with its redirects.
pub const DOWNLOAD_TIME: Duration = Duration::from_secs(20 * 60);

/// Time over which the speed of a download is measured, and longest silence within it.
pub const DOWNLOAD_PACE: Duration = Duration::from_secs(30);

/// Fewest bytes of an archive in that time.
pub const DOWNLOAD_PACE_BYTES: u64 = 256 * 1024;

/// Most redirects of the download of an archive.
pub const DOWNLOAD_REDIRECTS: u32 = 3;

/// How often a download is tried that is broken off or that the builder cannot answer.
pub const DOWNLOAD_ATTEMPTS: u32 = 3;

/// Bytes that a download leaves free where the state is kept.
pub const SPOOL_RESERVE_BYTES: u64 = 256 * 1024 * 1024;

/// Publications by archive that the broker works on at a time.
pub const PUBLICATION_THREADS: usize = 4;

/// Longest wait of a publication by archive for its worker.
pub const PUBLICATION_WAIT: Duration = Duration::from_secs(2 * 60);

/// Longest work on one publication by archive.
pub const PUBLICATION_TIME: Duration = Duration::from_secs(30 * 60);

/// Time for which DirectAdmin's word about a session is taken again.
pub const PANEL_SESSION_TIME: Duration = Duration::from_secs(30);

/// Most sessions whose owner is remembered.
pub const PANEL_SESSIONS: usize = 10_000;

/// Longest call of the panel's own port.
pub const PANEL_CALL_TIME: Duration = Duration::from_secs(5);

/// Largest input of one call to the builder, in bytes of JSON.
pub const CALL_INPUT_BYTES: usize = 1024 * 1024;

/// Largest answer of one call to the builder that the broker passes on, in bytes of JSON.
pub const CALL_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Longest text in such an input, in bytes: an image as a data URL.
pub const CALL_TEXT_BYTES: usize = 512 * 1024;

/// Most items of a list or an object in such an input.
pub const CALL_ITEMS: usize = 1000;

/// Largest answer of the builder that holds a list, in bytes.
pub const BUILDER_LIST_BYTES: u64 = 2 * 1024 * 1024;

/// Most calls of the builder's that the broker makes for others than root at a time; sessions are not counted.
pub const CALLS_AT_ONCE: usize = 4;

/// How many of these places are only for accounts that have none yet.
pub const CALLS_FOR_OTHERS: usize = 2;

/// Times that a call is made again after a failure that may pass, if making it twice is the same as making it once.
pub const BUILDER_RETRIES: u32 = 2;

/// Wait before it is made again the first time; each further wait is twice as long.
pub const BUILDER_RETRY_WAIT: Duration = Duration::from_millis(300);

/// Longest such wait. A builder that wants to be left alone for longer (`Retry-After`) is not asked again by the same call.
pub const BUILDER_RETRY_LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Session calls in a row that the builder lets wait in vain, after which it is waited for less long.
pub const BUILDER_UNANSWERED: u32 = 3;

/// Longest session call from then on until one is answered, but for one at a time, which has the usual time.
pub const BUILDER_IMPATIENCE: Duration = Duration::from_secs(5);

/// Time for which a site's `loginHash` is used again.
pub const LOGIN_HASH_TIME: Duration = Duration::from_secs(15 * 60);

/// Most sites whose `loginHash` is remembered.
pub const LOGIN_HASHES: usize = 1000;

/// Wait between two looks at how far a publication is.
pub const PUBLISH_POLL: Duration = Duration::from_secs(3);

/// Longest wait for a publication: the builder's own limit.
pub const PUBLISH_TIME: Duration = Duration::from_secs(2 * 60 * 60);

/// Published websites that one page of the list holds.
pub const DOMAINS_PAGE: u64 = 500;

/// Most published websites of a brand.
pub const DOMAINS: u64 = 5_000_000;

/// Longest name of a published website that is kept, in bytes.
pub const PUBLISHED_NAME_BYTES: usize = 1024;

/// Time between two readings of the list of published websites, as the builder's documentation demands.
pub const STATISTICS_TIME: Duration = Duration::from_secs(3 * 60 * 60);

/// Time after which a reading that failed may be tried again.
pub const STATISTICS_RETRY: Duration = Duration::from_secs(10 * 60);

/// Time for which it is remembered which calls a builder has.
pub const PROBE_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Largest recorded request or answer, in bytes.
pub const RECORD_BYTES: usize = 64 * 1024;
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

/// Longest wait of the program that runs jobs for those who look at this moment whether another one does.
pub const JOBS_LOCK_TIME: Duration = Duration::from_secs(10);

/// Longest wait for running jobs when the program that runs them is told to stop.
pub const JOB_STOP_TIME: Duration = Duration::from_secs(60);

/// Stack of the thread of a job, in bytes.
pub const JOB_STACK_BYTES: usize = 1024 * 1024;

/// Days for which jobs that have ended are remembered.
pub const JOB_DAYS: u64 = 90;

/// Most attempts of a backup; with the pauses between them, about half an hour.
pub const BACKUP_ATTEMPTS: u32 = 6;

/// Time within which a second wish for the same backup is answered by the one that is done already.
pub const BACKUP_JOIN: Duration = Duration::from_secs(10 * 60);

/// Age of a backup that is kept beside the newest ones where those are all younger.
pub const BACKUP_FALLBACK: Duration = Duration::from_secs(24 * 60 * 60);

/// Most backups that an account's own orders may have waiting or running at a time, so that others get their turn.
pub const BACKUPS_PER_ACCOUNT: usize = 3;

/// Most backups of one project that an account is shown.
pub const BACKUPS_SHOWN: usize = 100;

/// Time after which a page that shows a backup in progress looks again.
pub const BACKUP_PAGE_WAIT: Duration = Duration::from_secs(5);

/// Generations of publication credentials that are taken: the current one and those before it.
pub const CREDENTIAL_GENERATIONS: u64 = 3;

/// Most connections of one web server's user to the broker at a time.
pub const CONNECTIONS_PER_WEB_USER: usize = 256;

/// Most requests of one web server's user that the broker works on at a time; the others of its threads are for clicks.
pub const RUNNING_PER_WEB_USER: usize = 12;

/// Most requests from one client address that the broker decides about at a time.
pub const RUNNING_PER_ADDRESS: usize = 8;

/// Longest time for which the publication endpoint asks again when the broker has too much to do.
pub const ENDPOINT_PATIENCE: Duration = Duration::from_secs(10);

/// Most of the body of a refused publication request that is still read, so that the refusal arrives, in bytes.
pub const ENDPOINT_DRAIN_BYTES: u64 = 64 * 1024 * 1024;

/// Longest time for which the body of a refused publication request is read.
pub const ENDPOINT_DRAIN_TIME: Duration = Duration::from_secs(30);

/// Largest body of a publication request that the endpoint reads itself (the start of an internal publication), in bytes.
pub const ENDPOINT_FORM_BYTES: u64 = 32 * 1024;

/// Largest file that the builder may put, in bytes.
pub const PUT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Longest silence in the middle of a file that the builder puts, and longest wait for it to take an answer.
pub const PUT_SILENCE: Duration = Duration::from_secs(30);

/// Longest time for one file that the builder puts.
pub const PUT_TIME: Duration = Duration::from_secs(60 * 60);

/// Most workers, the processes that write below document roots, at a time.
pub const WORKER_PROCESSES: usize = 32;

/// Most workers of one account at a time.
pub const WORKER_PROCESSES_PER_ACCOUNT: usize = 4;

/// Most publication requests of one site at a time.
pub const REQUESTS_PER_WORKER: usize = 16;

/// Most requests of one account that wait for a worker to start or to end; the others are told to ask again.
pub const WAITING_PER_ACCOUNT: usize = 2;

/// Longest wait of a publication request for a worker; then it is told to ask again.
pub const WORKER_WAIT: Duration = Duration::from_secs(1);

/// Longest wait for a worker to start, or for the one before it to end.
pub const WORKER_START_TIME: Duration = Duration::from_secs(10);

/// Most looks of accounts at their publications that the broker works on at a time; the others of its threads are for clicks.
pub const LOOKS_AT_PUBLICATIONS: usize = 8;

/// Time without a request after which a site's worker closes the publication and ends.
pub const WORKER_QUIET: Duration = Duration::from_secs(2 * 60);

/// Longest time for which a worker that was told to end may still write to the disk, and one that starts may settle what a killed one has left.
pub const WORKER_CLOSE_TIME: Duration = Duration::from_secs(60);

/// Time that a worker has for unpacking an archive, undoing, removing or taking over, besides that for each step.
pub const WORKER_TASK_TIME: Duration = Duration::from_secs(5 * 60);

/// Time that each step adds: a file that is compared, moved or removed, or a piece of one that is unpacked.
pub const WORKER_STEP_TIME: Duration = Duration::from_millis(20);

/// Time between two words of a worker about how many steps it has done.
pub const WORKER_TELL_TIME: Duration = Duration::from_secs(1);

/// Time after which the broker looks again whether the sites of its workers may still be published to.
pub const WORKER_PATROL: Duration = Duration::from_secs(5);

/// Largest message between broker and worker, in bytes.
pub const WORKER_MESSAGE_BYTES: usize = 64 * 1024;

/// Most memory that a worker can have for data, in bytes.
pub const WORKER_MEMORY: u64 = 256 * 1024 * 1024;

/// Most files that a worker can have open.
pub const WORKER_FILES: u64 = 512;

/// Longest path of a published file below its document root, in bytes.
pub const PATH_BYTES: usize = 4096;

/// Longest segment of such a path, in bytes.
pub const PATH_SEGMENT_BYTES: usize = 255;

/// Most segments of such a path.
pub const PATH_DEPTH: usize = 64;

/// Most entries of one directory that are listed.
pub const LIST_ENTRIES: usize = 50_000;

/// Largest journal of one publication, in bytes.
pub const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;

/// Longest line of a journal or manifest, in bytes.
pub const JOURNAL_LINE_BYTES: usize = 32 * 1024;

/// Largest manifest of a site, in bytes.
pub const MANIFEST_BYTES: u64 = 32 * 1024 * 1024;

/// Most files and directories that one publication touches.
pub const PUBLISHED_FILES: usize = 100_000;

/// Most files and directories of a manifest.
pub const MANIFEST_ENTRIES: usize = 2 * PUBLISHED_FILES;

/// Largest file that is read to find out what a publication put there whose journal a power cut has taken, in bytes.
pub const ADOPTED_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Most publications of a site that are remembered by name.
pub const PUBLICATIONS_KEPT: usize = 50;

/// Largest `.htaccess` whose persistent block is kept, in bytes.
pub const HTACCESS_BYTES: u64 = 1024 * 1024;

/// Longest time for which lines of a journal may wait for the disk while a window is open.
pub const JOURNAL_SYNC: Duration = Duration::from_secs(1);

/// Longest wait for another worker of a site to end.
pub const SITE_LOCK_TIME: Duration = Duration::from_secs(2);

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

/// Longest wait for new backups of an account's projects before the panel backs it up, where the caller does not say how long.
pub const CARRY_WAIT: Duration = Duration::from_secs(60);

/// How often it is looked meanwhile whether they are there.
pub const CARRY_POLL: Duration = Duration::from_millis(200);

/// Longest work of the worker that copies one project into or out of a home, and of all together that put an account's projects there for one backup.
pub const CARRY_COPY_TIME: Duration = Duration::from_secs(10 * 60);

/// Time after which a project in a home that nobody has taken away is taken to be left over, and goes.
pub const CARRY_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Bytes that a project leaves free in a home, as far as the file system says what is free.
pub const CARRY_RESERVE_BYTES: u64 = 64 * 1024 * 1024;

/// Largest label of a project in a home, in bytes.
pub const CARRY_LABEL_BYTES: u64 = 4 * 1024;

/// Most projects in a home that are listed.
pub const CARRIED_SHOWN: usize = 5000;

/// Largest payload of one event of the panel's, in bytes.
pub const EVENT_BYTES: usize = 1024 * 1024;

/// Most looks at sites after events that are remembered when they have ended.
pub const EVENT_ROWS: u64 = 20_000;

/// Longest wait of a hook for the broker, which ends the workers of a suspended or removed account at once; it would find out by itself a little later.
pub const EVENT_TELL_TIME: Duration = Duration::from_millis(40);

/// Longest look at one site after an event.
pub const EVENT_LOOK_TIME: Duration = Duration::from_secs(10 * 60);

/// Times that an account may say at once that something has changed about it.
pub const REFRESH_BUCKET: u32 = 10;

/// Time after which it may do so once more.
pub const REFRESH_REFILL: Duration = Duration::from_secs(10);

/// Looks at sites of the account that follow from it in one second.
pub const REFRESH_LOOKS: u64 = 8;

/// Fewest sites that one comparison of panel and store may find gone without being forced.
pub const RECONCILE_REMOVED: usize = 5;

/// Share of all sites that it may find gone, in percent, if that is more.
pub const RECONCILE_REMOVED_PERCENT: usize = 2;

/// Longest comparison of panel and store.
pub const RECONCILE_TIME: Duration = Duration::from_secs(60 * 60);

/// Pause of all looks at sites after one has found that the builder cannot be worked with; it doubles as long as that lasts.
pub const OUTAGE_PAUSE: Duration = Duration::from_secs(2);

/// Longest such pause.
pub const OUTAGE_LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Longest run of a program of the panel's during setup, unless `[setup] program_time` says otherwise.
pub const SETUP_PROGRAM_TIME: Duration = Duration::from_secs(300);

/// Longest wait of a setup for another one.
pub const SETUP_LOCK_TIME: Duration = Duration::from_secs(120);

/// Largest file that setup reads, in bytes.
pub const SETUP_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Largest unpacked bundle, in bytes.
pub const SETUP_BUNDLE_BYTES: u64 = 256 * 1024 * 1024;
