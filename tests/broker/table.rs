//! Every operation of the protocol, asked for by processes of every principal, about a site in every state: what each is told. The table of
//! `src/ops/policy.rs` is not looked at here: this is what the design says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use panelgate::ops::policy::Operation;
use serde_json::json;

use crate::attacks::raw;
use crate::needs_root;
use crate::ownership::{give_sub_to_b, told};
use crate::world::{A, B, FRONT, PANEL, STRANGER, WEB, World};

/// What the site is, for account pga, for which root and the panel user ask too; pgb asks for it as its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Own,
    OfAnother,
    Alias,
    Subdomain,
    Suspended,
    Demo,
    WithoutFeature,
    Nonexistent,
    Moved,
    MadeAgain,
}

impl State {
    const ALL: [Self; 10] = [
        Self::Own,
        Self::OfAnother,
        Self::Alias,
        Self::Subdomain,
        Self::Suspended,
        Self::Demo,
        Self::WithoutFeature,
        Self::Nonexistent,
        Self::Moved,
        Self::MadeAgain,
    ];

    fn site(self) -> &'static str {
        match self {
            Self::Own | Self::Suspended | Self::Demo | Self::WithoutFeature | Self::MadeAgain => "a.example",
            Self::OfAnother => "b.example",
            Self::Alias => "alias.example",
            Self::Subdomain | Self::Moved => "sub.a.example",
            Self::Nonexistent => "nowhere.example",
        }
    }

    /// Changes the panel's data, of which nobody tells the broker.
    fn make(self, world: &World) {
        let user = "var/cpanel/users/pga";
        match self {
            Self::Own | Self::OfAnother | Self::Alias | Self::Subdomain | Self::Nonexistent => {}
            Self::Suspended => world.edit(user, "SUSPENDED=0", "SUSPENDED=1"),
            Self::Demo => world.edit("etc/demousers", "pgdemo\n", "pgdemo\npga\n"),
            Self::WithoutFeature => world.edit(user, "USER=", "FEATURE-panelgate=0\nUSER="),
            Self::Moved => {
                world.edit("var/cpanel/userdata/pga/main", "  - 'sub.a.example'\n", "");
                world.edit("var/cpanel/userdata/pga/main", "sub_domains:\n", "sub_domains: []\n");
                give_sub_to_b(world);
                world.edit("etc/userdomains", "sub.a.example: pga", "sub.a.example: pgb\nsub.b.example: pgb");
            }
            Self::MadeAgain => world.edit(user, "STARTDATE=", "STARTDATE=9"),
        }
    }
}

/// What the builder was given to publish with, as its request to the endpoint shows it.
struct Access {
    path: String,
    authorization: String,
}

impl Access {
    fn handed_out_last(world: &World) -> Self {
        let told = told(world);
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let pair = STANDARD.encode(format!("{}:{}", text("username"), text("password")));
        let path = text("apiUrl").trim_start_matches("https://panel.example/panelgate").to_owned();
        Self { path, authorization: format!("Basic {pair}") }
    }
}

/// One request; `account` is named by those who may act for others.
fn request(operation: Operation, site: &str, account: Option<&str>, access: Option<&Access>) -> Vec<u8> {
    let mut args = match operation {
        Operation::CallBuilder => json!({ "call": "website/get-settings", "input": { "domain": site } }),
        Operation::Publish => match access {
            Some(Access { path, authorization }) => {
                let path = format!("{path}index.html");
                json!({ "method": "POST", "path": path, "authorization": authorization, "length": 1 })
            }
            None => json!({ "method": "POST", "path": "/0/index.html", "length": 1 }),
        },
        Operation::ViewPublication => json!({ "site": site, "what": "status" }),
        Operation::ChangePublication => json!({ "site": site, "what": "undo" }),
        _ => json!({ "site": site }),
    };
    match (operation, account) {
        // These know no account.
        (Operation::Revoke | Operation::ClaimSite | Operation::Publish, _) | (_, None) => {}
        (Operation::CallBuilder, Some(account)) => args["input"]["account"] = json!(account),
        (_, Some(account)) => args["account"] = json!(account),
    }
    json!({ "v": 1, "op": operation.name(), "args": args }).to_string().into_bytes()
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    WebServer,
    /// Names pga.
    Root,
    /// Names pga.
    PanelUser,
    Pga,
    Pgb,
    WebFront,
    Stranger,
}

impl Who {
    /// In this order: root ends credentials, among other things.
    const ALL: [(Self, u32); 7] = [
        (Self::WebServer, WEB),
        (Self::Stranger, STRANGER),
        (Self::WebFront, FRONT),
        (Self::Pgb, B),
        (Self::Pga, A),
        (Self::PanelUser, PANEL),
        (Self::Root, 0),
    ];

    fn names(self) -> Option<&'static str> {
        matches!(self, Self::Root | Self::PanelUser).then_some("pga")
    }
}

/// What they are told, as the design says it: the answer's `ok`, or the name of its error.
fn wanted(operation: Operation, state: State, who: Who) -> &'static str {
    const NO: &str = "forbidden";
    match (operation, who) {
        (Operation::Publish, Who::WebServer) => return publishing(state),
        (Operation::Publish, _) | (_, Who::Stranger | Who::WebServer) => return NO,
        (Operation::ViewStatus | Operation::Examine, Who::Root | Who::PanelUser | Who::WebFront) => {
            return "ok";
        }
        (Operation::ViewStatus | Operation::Examine, _) | (_, Who::WebFront) => return NO,
        // Panel users and accounts say only that something has changed.
        (Operation::Refresh, _) => return "ok",
        (
            Operation::ViewAudit
            | Operation::Revoke
            | Operation::ClaimSite
            | Operation::ManageJobs
            | Operation::ManageBackups
            | Operation::ChangePublication
            | Operation::TellEvents,
            Who::PanelUser | Who::Pga | Who::Pgb,
        ) => return NO,
        (Operation::ViewAudit | Operation::TellEvents, Who::Root) => return "ok",
        // Root does these on the command line.
        (Operation::ManageJobs | Operation::ManageBackups, Who::Root) => return "bad-request",
        (Operation::Revoke, Who::Root) => return ever_opened(state),
        // The plain key was the former owner's, and stays that for ever.
        (Operation::ClaimSite, Who::Root) if matches!(state, State::Moved | State::MadeAgain) => {
            return "site-conflict";
        }
        (Operation::ClaimSite, Who::Root) => return ever_opened(state),
        _ => {}
    }
    if let Some(refusal) = refusal(operation, state, who) {
        return refusal;
    }
    match operation {
        // Only this site of pga's was backed up, and who was made anew has nothing of its predecessor's.
        Operation::DownloadProject if state.site() != "a.example" || state == State::MadeAgain => {
            "backup-not-found"
        }
        // These accounts are no system users: no worker can become one.
        Operation::ViewPublication | Operation::ChangePublication => "document-root",
        _ => "ok",
    }
}

/// Why an operation on a site is refused to those who may ask for it.
fn refusal(operation: Operation, state: State, who: Who) -> Option<&'static str> {
    // Only root is told whose a site is.
    let of_another = if who == Who::Root { "site-not-yours" } else { "site-not-found" };
    if who == Who::Pgb {
        let is_its_own = matches!(state, State::OfAnother | State::Moved);
        return (!is_its_own).then_some(of_another);
    }
    // Root may look at an account, and help it, whatever its standing.
    let standing = |kind| (who != Who::Root || operation == Operation::OpenSite).then_some(kind);
    match state {
        State::Own | State::Subdomain | State::MadeAgain => None,
        State::OfAnother | State::Moved => Some(of_another),
        State::Nonexistent => Some("site-not-found"),
        State::Alias => (operation != Operation::ViewAccount).then_some("site-alias"),
        State::Suspended => standing("suspended"),
        State::Demo => standing("demo-account"),
        State::WithoutFeature => standing("feature-off"),
    }
}

/// What becomes of the builder's credentials, which pga's opening gave it before.
fn publishing(state: State) -> &'static str {
    match state {
        State::OfAnother | State::Alias | State::Nonexistent => "credentials-rejected",
        State::Own | State::Subdomain => "document-root",
        State::Suspended => "suspended",
        State::Demo => "demo-account",
        State::WithoutFeature => "feature-off",
        State::Moved => "site-not-found",
        State::MadeAgain => "forbidden",
    }
}

/// What root is told about credentials and keys: they are those of sites that were opened, whatever has become of them.
fn ever_opened(state: State) -> &'static str {
    if matches!(state, State::Alias | State::Nonexistent) { "site-not-found" } else { "ok" }
}

#[test]
fn what_each_is_told() {
    needs_root!();
    let mut faults = Vec::new();
    for state in State::ALL {
        let world = World::start();
        for (uid, site) in [(B, "b.example"), (A, "a.example"), (A, "sub.a.example")] {
            assert_eq!(world.ask(uid, "open", json!({ "site": site })).0, "ok");
        }
        world.back_up(A, "a.example", b"project of a");
        let is_opened = world.ask(A, "open", json!({ "site": state.site() })).0 == "ok";
        let access = is_opened.then(|| Access::handed_out_last(&world));
        state.make(&world);
        for (who, uid) in Who::ALL {
            // What is not about a site is asked once.
            let asked = |operation: &Operation| {
                let about_none = [
                    Operation::ViewStatus,
                    Operation::Examine,
                    Operation::ViewAudit,
                    Operation::ManageJobs,
                    Operation::ManageBackups,
                    Operation::TellEvents,
                ];
                state == State::Own || !about_none.contains(operation)
            };
            let operations: Vec<Operation> = Operation::ALL.into_iter().filter(asked).collect();
            let requests: Vec<Vec<u8>> = operations
                .iter()
                .map(|operation| request(*operation, state.site(), who.names(), access.as_ref()))
                .collect();
            for (operation, got) in operations.iter().zip(raw(&world, uid, &requests)) {
                let want = wanted(*operation, state, who);
                if got != want {
                    faults.push(format!("{state:?}: {who:?}: {}: {got} instead of {want}", operation.name()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
