//! What `panelgate backup` understands.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use crate::backup::{
    BackupRequest, Description, Destination, DestinationName, EntryId, Prefix, Scope, SplitSize, Subject,
};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{Domain, Username};

/// Back up projects of the builder, sites and accounts, and see what there is
///
/// Every backup is a job that panelgate-jobs.service works on: it goes on when this program has ended, survives a restart, and is tried again where that may
/// help. Ordering the same twice within ten minutes gives the same job. An account may back up the projects of its own sites; everything else is root's.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate backup create shop.example --wait       the project of a site
  panelgate backup create --all                     the projects of all sites that were ever opened
  panelgate backup create --account alice           everything that the panel has of an account
  panelgate backup list shop.example
  panelgate backup download shop.example --to shop.sitebuilder
  panelgate backup status 17 --wait
  panelgate backup prune --keep 3
  panelgate backup import shop.example --scope hosting --stored
  panelgate backup remove shop.example --name NAME  NAME is as list shows it

JSON:
  download: {\"id\", \"file\", \"size\", \"resumed\", \"sha256\"};
  remove: {\"id\"};
  create, restore, import: an array of {\"id\", \"subject\", \"joined\"};
  status, and these three with --wait: an array of jobs, as panelgate jobs list prints them;
  stop: one such job;
  prune: an array of {\"folder\", \"name\"}, what was removed;
  list: an array of
  {\"id\", \"made\", \"size\", \"account\", \"scope\", \"description\", \"files\": [{\"name\", \"size\", \"sha256\"}]}
  attach: {\"account\", \"carry\", \"place\", \"sites\": [{\"site\", \"state\", \"made\", \"size\", \"note\"}]};
  detach: {\"account\", \"removed\", \"uses\"};
  carried: an array of {\"site\", \"shelf\", \"size\", \"made\", \"genuine\", \"refused\"}

Exit code with --wait: 0 if all are done, 81 if one was given up.")]
pub(in super::super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    Create(Create),
    List(List),
    Status(Status),
    Download(Download),
    Restore(Restore),
    Import(Import),
    Stop(StopJob),
    Prune(Prune),
    Remove(Remove),
    Attach(Attach),
    /// Take away what attach has put there
    Detach(Home),
    /// List the projects that came back into an account's home with a restore of the panel's
    ///
    /// What lies there is the account's word. Take one as a backup of this server with panelgate backup import SITE --carried; nothing is restored by that.
    Carried(Home),
}

impl Arguments {
    pub(in super::super) fn wants_json(&self) -> bool {
        match &self.command {
            Command::Create(create) => create.json,
            Command::List(list) => list.json,
            Command::Status(status) => status.json,
            Command::Download(download) => download.json,
            Command::Restore(restore) => restore.json,
            Command::Import(import) => import.json,
            Command::Stop(stop) => stop.json,
            Command::Prune(prune) => prune.json,
            Command::Remove(remove) => remove.json,
            Command::Attach(attach) => attach.home.json,
            Command::Detach(home) | Command::Carried(home) => home.json,
        }
    }
}

fn scope(text: &str) -> std::result::Result<Scope, String> {
    Scope::ALL.into_iter().find(|scope| scope.name() == text).ok_or_else(|| {
        let names: Vec<&str> = Scope::ALL.into_iter().map(Scope::name).collect();
        format!("a backup holds one of: {}", names.join(", "))
    })
}

fn destination(text: &str) -> std::result::Result<Destination, &'static str> {
    Ok(match text {
        "panel" => Destination::Panel,
        "directory" => Destination::Directory,
        "builder" => Destination::Builder,
        name => Destination::Named(DestinationName::new(name)?),
    })
}

/// `100M`, `4G`.
fn split_size(text: &str) -> std::result::Result<SplitSize, &'static str> {
    let units = [('M', 1_u64 << 20), ('G', 1 << 30)];
    let bytes = units
        .iter()
        .find_map(|(unit, bytes)| text.strip_suffix(*unit)?.parse::<u64>().ok()?.checked_mul(*bytes));
    SplitSize::new(bytes.unwrap_or_default())
}

/// Order backups
#[derive(Args)]
pub(super) struct Create {
    /// The sites
    #[arg(value_name = "SITE", value_parser = |text: &str| Domain::new(text), conflicts_with_all = ["all", "due", "reseller", "server"])]
    pub(super) sites: Vec<Domain>,

    /// The account: of the sites, or as a whole
    #[arg(long, value_name = "ACCOUNT", value_parser = |text: &str| Username::new(text), conflicts_with_all = ["all", "due", "reseller", "server"])]
    pub(super) account: Option<Username>,

    /// A reseller with all accounts
    #[arg(long, value_name = "LOGIN", value_parser = |text: &str| Username::new(text), conflicts_with_all = ["all", "due", "server"])]
    reseller: Option<Username>,

    /// The whole server
    #[arg(long, conflicts_with_all = ["all", "due"])]
    server: bool,

    /// All sites that were ever opened; with another scope than project, all accounts
    #[arg(long, conflicts_with = "due")]
    pub(super) all: bool,

    /// What is due by the configuration (every, in its section backup); what panelgate-backup.timer runs
    #[arg(long)]
    pub(super) due: bool,

    /// What it holds: all, hosting, mail, configuration, project; of a site its project, of an account all unless set
    #[arg(long, value_name = "SCOPE", value_parser = scope)]
    pub(super) scope: Option<Scope>,

    /// Where it goes: directory (of this server), panel, builder (a directory of its own server), or a destination that the configuration names
    #[arg(long, value_name = "PLACE", value_parser = destination)]
    to: Option<Destination>,

    /// What the file names begin with
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| Prefix::new(text))]
    prefix: Option<Prefix>,

    /// What is said about it
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| Description::new(text))]
    description: Option<Description>,

    /// Several files of at most this size, such as 500M or 2G
    #[arg(long, value_name = "SIZE", value_parser = split_size)]
    split_size: Option<SplitSize>,

    /// Make a new one even where the same was made within ten minutes
    #[arg(long)]
    pub(super) fresh: bool,

    /// Wait until it is done, or given up
    #[arg(long)]
    pub(super) wait: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Create {
    /// Whether it asks for anything that an account may not have.
    pub(super) fn is_more_than_a_project(&self) -> bool {
        let other = self.all || self.due || self.server || self.reseller.is_some();
        let extra = self.prefix.is_some() || self.description.is_some() || self.split_size.is_some();
        other
            || extra
            || self.scope.is_some_and(|scope| scope != Scope::Project)
            || self.to.as_ref().is_some_and(|to| *to != Destination::Directory)
    }

    /// What is named other than by sites.
    pub(super) fn subject(&self) -> Result<Subject> {
        match (&self.account, &self.reseller, self.server) {
            (Some(account), _, _) => Ok(Subject::Account { account: account.clone() }),
            (_, Some(login), _) => Ok(Subject::Reseller { login: login.clone() }),
            (_, _, true) => Ok(Subject::Server),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                "name a site, --account, --reseller, --server, --all or --due",
            )),
        }
    }

    pub(super) fn request(&self, subject: Subject) -> BackupRequest {
        let scope = super::scope_of(&subject, self.scope);
        BackupRequest {
            subject,
            scope,
            destination: self.to.clone().unwrap_or_else(|| super::usual_destination(scope)),
            prefix: self.prefix.clone(),
            description: self.description.clone(),
            split_size: self.split_size,
        }
    }
}

/// What the backups are of
#[derive(Args)]
pub(super) struct Of {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    pub(super) site: Option<Domain>,

    /// The account
    #[arg(long, value_name = "ACCOUNT", value_parser = |text: &str| Username::new(text))]
    pub(super) account: Option<Username>,

    /// What they hold: all, hosting, mail, configuration, project; of a site its project, of an account all unless set
    #[arg(long, value_name = "SCOPE", value_parser = scope)]
    pub(super) scope: Option<Scope>,
}

/// List the backups of a site's project, or of an account
#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    pub(super) of: Of,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Show how far backups are
#[derive(Args)]
pub(super) struct Status {
    /// Numbers of jobs; the last ones if left out
    pub(super) jobs: Vec<u64>,

    /// Wait until they are done, or given up
    #[arg(long)]
    pub(super) wait: bool,

    /// At most so many, if none is named
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    pub(super) limit: u16,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Take a backup away
///
/// The file has its name only when it is whole, on the disk, and its checksum is right; until then it is FILE.part, and the same command goes on with what is there.
/// An account takes the backups of the projects of its own sites.
#[derive(Args)]
pub(super) struct Download {
    #[command(flatten)]
    pub(super) of: Of,

    /// Its name in the list; the newest if left out
    #[arg(value_parser = |text: &str| EntryId::new(text))]
    pub(super) name: Option<EntryId>,

    /// The file to make; - is standard output. A file that is there is not overwritten
    #[arg(long, value_name = "FILE")]
    pub(super) to: PathBuf,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Restore a backup: it overwrites what is there
///
/// For projects this is off unless the configuration allows it (restore, in its section backup), since the vendor does not document the call. It asks first; --yes is for scripts.
#[derive(Args)]
pub(super) struct Restore {
    #[command(flatten)]
    pub(super) of: Of,

    /// Its name in the list
    #[arg(long, value_parser = |text: &str| EntryId::new(text))]
    pub(super) name: EntryId,

    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,

    /// Wait until it is done, or given up
    #[arg(long)]
    pub(super) wait: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Take a file of this server, or what lies in a provider's storage, as a backup; nothing is restored
#[derive(Args)]
#[command(group = ArgGroup::new("source").required(true).args(["file", "carried", "stored"]))]
pub(super) struct Import {
    /// The file, which must be root's
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,

    /// What lies in the provider's storage already and is not in its list: for Installatron, with --scope hosting, archives of the
    /// account in the configured location
    #[arg(long)]
    pub(super) stored: bool,

    /// The project that came back into the account's home with a restore of the panel's (panelgate backup carried); it asks first
    #[arg(long)]
    pub(super) carried: bool,

    /// Where it came back instead of the home: a directory of the account's
    #[arg(long, value_name = "DIRECTORY", requires = "carried")]
    pub(super) staging: Option<PathBuf>,

    /// Do not ask
    #[arg(long, requires = "carried")]
    pub(super) yes: bool,

    #[command(flatten)]
    pub(super) of: Of,

    /// Wait until it is done, or given up
    #[arg(long)]
    pub(super) wait: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// End a backup that waits or runs
#[derive(Args)]
pub(super) struct StopJob {
    /// The number of its job
    pub(super) job: u64,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Remove old backups of projects; the last good one of each stays
#[derive(Args)]
pub(super) struct Prune {
    /// Only this site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    pub(super) site: Option<Domain>,

    /// How many of each stay; as many as the configuration says (keep) unless set
    #[arg(long, value_name = "NUMBER")]
    pub(super) keep: Option<u16>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Remove one backup from where its provider keeps it
///
/// It asks first; --yes is for scripts. The last good backup of a project stays.
#[derive(Args)]
pub(super) struct Remove {
    #[command(flatten)]
    pub(super) of: Of,

    /// Its name in the list
    #[arg(long, value_parser = |text: &str| EntryId::new(text))]
    pub(super) name: EntryId,

    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Where an account's projects travel with the panel's own backups
#[derive(Args)]
pub(super) struct Home {
    /// The account
    #[arg(value_parser = |text: &str| Username::new(text))]
    pub(super) account: Username,

    /// The directory that the panel packs, or has unpacked, in place of the home; the home itself if that directory is not the account's
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) staging: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Put an account's projects where the panel's own backup takes them along
///
/// For hooks that the panel calls before it packs an account; detach takes them away again. They go into ~/.panelgate/backup/. Only where the configuration says
/// so (carry, in its section backup). What is older than it allows (carry_age) is made anew if the builder gives it in time; else the last good backup is taken.
#[derive(Args)]
pub(super) struct Attach {
    #[command(flatten)]
    pub(super) home: Home,

    /// Longest wait for new backups, in seconds; 0 takes what there is
    #[arg(long, value_name = "SECONDS", default_value_t = limits::CARRY_WAIT.as_secs() as u32)]
    pub(super) deadline: u32,
}
