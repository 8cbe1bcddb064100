//! The table of the builder's calls (`reference/builder-api.md` 0): one [`Entry`] for each.
//!
//! Everything that must know all calls is derived from it: the client and the generic call, the input's check, who may call what through the broker, the
//! command line's list, `pgate_call`, the sections `[call NAME]` of the configuration, and `docs/operations.md`. It is data only and stands on nothing.
//!
//! - `table`: the calls whose contract is documented
//! - `menu`: the calls that the documentation only names; each is off until the administrator says how it is made
//! - `check`: what may be sent
//! - `document`: the page

mod check;
mod document;
mod menu;
mod overrides;
mod table;

pub use check::{Checked, check};
pub use document::markdown;
pub use overrides::{Effective, Overrides};

/// How a call is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Without a body.
    Get,
    /// With a JSON object.
    Post,
}

impl Method {
    /// The word in HTTP and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Below which address a call lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// `[builder] url`: licences and sessions.
    Central,
    /// The `builderApiUrl` of the site's session; without a session, `[builder] url`.
    Builder,
}

impl Base {
    /// The word in the configuration and in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Central => "central",
            Self::Builder => "builder",
        }
    }
}

/// Whether a call carries the site's `loginHash`, which the client gets by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// No.
    Without,
    /// It works without, and with it at more builders.
    Helpful,
    /// Yes.
    Needed,
}

/// Who may make a call through the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Root only.
    Root,
    /// Root, the account for its own sites, and a panel user for the account that it names.
    Accounts,
}

/// How sure a name on the wire is (`reference/builder-api.md`, legend).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It stands in the documentation or in public code.
    Seen,
    /// It follows from another call; `[call NAME] name.FIELD` corrects it.
    Inferred,
}

/// What a field of a request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The site, by its domain. On the wire it is the site's key.
    Site,
    /// A domain that is sent as it is.
    Domain,
    /// Text.
    Text,
    /// A whole number that is not negative.
    Number,
    /// `true` or `false`.
    Flag,
    /// An IP address as text.
    Address,
    /// A list of texts.
    Texts,
    /// An object whose values are texts.
    TextMap,
    /// Any JSON; only for fields that the administrator names.
    Json,
}

impl Kind {
    /// The word in errors, in the documentation and in `[call NAME] fields`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Domain => "domain",
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Address => "address",
            Self::Texts => "texts",
            Self::TextMap => "map",
            Self::Json => "json",
        }
    }

    /// The kinds that `[call NAME] fields` may name.
    pub const CONFIGURABLE: [Self; 8] = [
        Self::Domain,
        Self::Text,
        Self::Number,
        Self::Flag,
        Self::Address,
        Self::Texts,
        Self::TextMap,
        Self::Json,
    ];
}

/// One field of a request.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, in our input and on the wire.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub needed: bool,
    /// How sure its name is.
    pub certainty: Certainty,
    /// What it means.
    pub meaning: &'static str,
}

impl Field {
    const fn new(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self { name, kind, needed: false, certainty: Certainty::Seen, meaning }
    }

    const fn needed(self) -> Self {
        Self { needed: true, ..self }
    }

    const fn inferred(self) -> Self {
        Self { certainty: Certainty::Inferred, ..self }
    }
}

/// A field that we fill in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// A text.
    Text(&'static str),
    /// A flag.
    Flag(bool),
}

/// How a call is made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the generic call, and typed.
    Call,
    /// By the generic call, once `[call NAME] path` says where.
    Configured,
    /// Only by a command of its own, which this names.
    Own(&'static str),
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An object with a true `ok`.
    Ok,
    /// An object with a true `ok` that may hold long lists.
    OkList,
    /// An object.
    Object,
    /// A list, or an object that holds one.
    List,
    /// A file.
    File,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name here. For documented calls it begins with the path.
    pub name: &'static str,
    /// What it does, in one sentence without a full stop.
    pub summary: &'static str,
    /// Where it lies below its base; `None`: the documentation does not say.
    pub path: Option<&'static str>,
    /// How it is sent.
    pub method: Method,
    /// Below which address.
    pub base: Base,
    /// The builder's version that has it first.
    pub since: Option<&'static str>,
    /// Whether it carries a `loginHash`.
    pub session: Session,
    /// Who may make it through the broker.
    pub callers: Callers,
    /// Whether making it twice is the same as making it once. Only then is it ever repeated.
    pub idempotent: bool,
    /// Whether it only reads.
    pub reads: bool,
    /// Whether it takes away or replaces what cannot be brought back. The command line asks before it.
    pub destructive: bool,
    /// What comes back.
    pub answer: Answer,
    /// What it takes.
    pub fields: &'static [Field],
    /// What it sends besides.
    pub fixed: &'static [(&'static str, Fixed)],
    /// How it is made here.
    pub way: Way,
}

impl Entry {
    /// What most calls are.
    const POST: Self = Self {
        name: "",
        summary: "",
        path: None,
        method: Method::Post,
        base: Base::Builder,
        since: None,
        session: Session::Without,
        callers: Callers::Root,
        idempotent: false,
        reads: false,
        destructive: false,
        answer: Answer::Ok,
        fields: &[],
        fixed: &[],
        way: Way::Call,
    };

    /// Whether it is about one site: the input names it in `domain`.
    pub fn is_about_a_site(&self) -> bool {
        self.session == Session::Needed || self.fields.iter().any(|field| field.kind == Kind::Site)
    }
}

macro_rules! calls {
    ($( $name:ident => $row:path; )+) => {
        /// A call of the builder's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the summary of each stands in its entry")]
        pub enum Call { $( $name, )+ }

        impl Call {
            /// All calls, in the order of the documentation.
            pub const ALL: &'static [Call] = &[ $( Call::$name, )+ ];

            /// Its entry.
            pub const fn entry(self) -> &'static Entry { match self { $( Call::$name => &$row, )+ } }
        }
    };
}

calls! {
    RequestLogin => table::REQUEST_LOGIN;
    RemoveSession => menu::REMOVE_SESSION;
    CreateBackup => table::CREATE_BACKUP;
    RestoreBackup => menu::RESTORE_BACKUP;
    CategoryList => table::CATEGORY_LIST;
    CategoryTags => menu::CATEGORY_TAGS;
    TemplateList => table::TEMPLATE_LIST;
    PageTypes => table::PAGE_TYPES;
    ImportWebsite => menu::IMPORT_WEBSITE;
    ImportStatus => menu::IMPORT_STATUS;
    ImportBlock => menu::IMPORT_BLOCK;
    BlockImportStatus => menu::BLOCK_IMPORT_STATUS;
    ImportOwner => menu::IMPORT_OWNER;
    WebsiteCreate => table::WEBSITE_CREATE;
    WebsiteModify => table::WEBSITE_MODIFY;
    WebsiteRename => table::WEBSITE_RENAME;
    Publish => table::PUBLISH;
    PublishProgress => table::PUBLISH_PROGRESS;
    EditPages => menu::EDIT_PAGES;
    EditSettings => menu::EDIT_SETTINGS;
    AutoLayout => menu::AUTO_LAYOUT;
    DeleteSite => table::DELETE_SITE;
    GetTemplate => menu::GET_TEMPLATE;
    GetPages => menu::GET_PAGES;
    GetVariables => menu::GET_VARIABLES;
    TemplateVariables => menu::TEMPLATE_VARIABLES;
    GetSettings => table::GET_SETTINGS;
    AddPages => table::ADD_PAGES;
    DuplicatePages => table::DUPLICATE_PAGES;
    RemovePages => table::REMOVE_PAGES;
    BlocksCreateWebsite => menu::BLOCKS_CREATE_WEBSITE;
    BlocksModifyWebsite => menu::BLOCKS_MODIFY_WEBSITE;
    BlocksInspectWebsite => menu::BLOCKS_INSPECT_WEBSITE;
    BlocksAddPage => menu::BLOCKS_ADD_PAGE;
    BlocksModifyPage => menu::BLOCKS_MODIFY_PAGE;
    BlocksRemovePage => menu::BLOCKS_REMOVE_PAGE;
    BlocksInspectPage => menu::BLOCKS_INSPECT_PAGE;
    BlocksInspectComposition => menu::BLOCKS_INSPECT_COMPOSITION;
    BlocksAdd => menu::BLOCKS_ADD;
    BlocksRemove => menu::BLOCKS_REMOVE;
    BlocksMove => menu::BLOCKS_MOVE;
    BlocksModify => menu::BLOCKS_MODIFY;
    BlocksInspect => menu::BLOCKS_INSPECT;
    GetDomains => table::GET_DOMAINS;
    Statistics => menu::STATISTICS;
    SetBlocked => table::SET_BLOCKED;
    IpList => table::IP_LIST;
    IpListFull => table::IP_LIST_FULL;
    IpAdd => table::IP_ADD;
    IpUpdate => table::IP_UPDATE;
    IpDelete => table::IP_DELETE;
    PlansRead => menu::PLANS_READ;
    PlanAdd => menu::PLAN_ADD;
    PlanDelete => menu::PLAN_DELETE;
    AllowDomain => menu::ALLOW_DOMAIN;
    DisallowDomain => menu::DISALLOW_DOMAIN;
    CheckDomains => menu::CHECK_DOMAINS;
    FaqPosts => menu::FAQ_POSTS;
    FaqCategories => menu::FAQ_CATEGORIES;
}

impl Call {
    /// Its name.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The call of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|call| call.name() == name)
    }
}

#[cfg(test)]
mod tests;
