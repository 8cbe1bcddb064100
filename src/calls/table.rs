//! The calls whose contract is documented.

use super::{Answer, Base, Callers, Entry, Field, Fixed, Kind, Method, Session, Way};

const SITE: Field = Field::new("domain", Kind::Site, "the site").needed();
const TEMPLATE: Field = Field::new("template", Kind::Text, "the template's ID");
const PAGE_TYPES_FIELD: Field = Field::new("pageTypes", Kind::Texts, "which of the template's pages");
const VARIABLES: Field = Field::new(
    "variables",
    Kind::TextMap,
    "from an element's reference ID to text, HTML, an image's address, a data URL, or \"latitude,longitude\"",
);
const PAGES: Field = Field::new("pages", Kind::Texts, "the pages' IDs").needed().inferred();
const LICENCE: Field = Field::new("suborderId", Kind::Number, "the licence's number").needed();
const IP: Field = Field::new("ip", Kind::Address, "the address").needed();
const BRAND: Field = Field::new("brandId", Kind::Number, "the brand's number");

pub(super) const REQUEST_LOGIN: Entry = Entry {
    name: "requestLogin",
    summary: "Create a session: where to send the browser of somebody who edits a site",
    path: Some("requestLogin"),
    since: Some("3.7.23"),
    base: Base::Central,
    callers: Callers::Accounts,
    answer: Answer::Object,
    way: Way::Own("panelgate open"),
    ..Entry::POST
};

pub(super) const CREATE_BACKUP: Entry = Entry {
    name: "create-site-backup",
    summary: "Save a website's project",
    path: Some("create-site-backup"),
    since: Some("3.7.316"),
    idempotent: true,
    answer: Answer::File,
    way: Way::Own("panelgate backup"),
    ..Entry::POST
};

pub(super) const CATEGORY_LIST: Entry = Entry {
    name: "category-list",
    summary: "List the categories of templates",
    path: Some("category-list"),
    method: Method::Get,
    callers: Callers::Accounts,
    idempotent: true,
    reads: true,
    answer: Answer::List,
    ..Entry::POST
};

pub(super) const TEMPLATE_LIST: Entry = Entry {
    name: "template-list",
    summary: "List the templates",
    path: Some("template-list"),
    method: Method::Get,
    callers: Callers::Accounts,
    idempotent: true,
    reads: true,
    answer: Answer::List,
    ..Entry::POST
};

pub(super) const PAGE_TYPES: Entry = Entry {
    name: "website/get-page-types",
    summary: "List the types of pages that a template has",
    path: Some("website/get-page-types"),
    since: Some("3.7.229"),
    callers: Callers::Accounts,
    idempotent: true,
    reads: true,
    fields: &[TEMPLATE.needed().inferred()],
    ..Entry::POST
};

pub(super) const WEBSITE_CREATE: Entry = Entry {
    name: "website/create",
    summary: "Make a site's project from a template; a project that was there may be lost",
    path: Some("website/create"),
    since: Some("3.7.229"),
    session: Session::Needed,
    destructive: true,
    fields: &[
        TEMPLATE,
        PAGE_TYPES_FIELD,
        VARIABLES,
        Field::new("aiQuery", Kind::Text, "what an artificial intelligence shall make"),
    ],
    ..Entry::POST
};

pub(super) const WEBSITE_MODIFY: Entry = Entry {
    name: "website/modify",
    summary: "Replace the contents of elements",
    path: Some("website/modify"),
    since: Some("3.7.229"),
    session: Session::Needed,
    callers: Callers::Accounts,
    idempotent: true,
    fields: &[VARIABLES.needed()],
    ..Entry::POST
};

pub(super) const WEBSITE_RENAME: Entry = Entry {
    name: "website/rename",
    summary: "Give a website another domain at the builder",
    path: Some("website/rename"),
    since: Some("3.7.295"),
    fields: &[
        Field::new("domain", Kind::Site, "the site").needed().inferred(),
        Field::new("newDomain", Kind::Domain, "its new domain").needed().inferred(),
    ],
    ..Entry::POST
};

pub(super) const PUBLISH: Entry = Entry {
    name: "publish",
    summary: "Begin to publish a site; the answer means no more than that it has begun",
    path: Some("publish"),
    since: Some("3.7.167"),
    session: Session::Needed,
    callers: Callers::Accounts,
    answer: Answer::Object,
    fixed: &[("progress", Fixed::Flag(false))],
    ..Entry::POST
};

pub(super) const PUBLISH_PROGRESS: Entry = Entry {
    name: "publish/progress",
    summary: "Say how far the publication of a site is",
    idempotent: true,
    reads: true,
    fixed: &[("progress", Fixed::Flag(true))],
    ..PUBLISH
};

pub(super) const DELETE_SITE: Entry = Entry {
    name: "delete-site",
    summary: "Delete a site's project at the builder; what is published stays",
    path: Some("delete-site"),
    since: Some("3.7.64"),
    session: Session::Helpful,
    idempotent: true,
    destructive: true,
    fields: &[SITE],
    ..Entry::POST
};

pub(super) const GET_SETTINGS: Entry = Entry {
    name: "website/get-settings",
    summary: "Read a site's settings",
    path: Some("website/get-settings"),
    session: Session::Needed,
    callers: Callers::Accounts,
    idempotent: true,
    reads: true,
    answer: Answer::Object,
    ..Entry::POST
};

pub(super) const ADD_PAGES: Entry = Entry {
    name: "website/add-pages",
    summary: "Add pages of a template to a site",
    path: Some("website/add-pages"),
    since: Some("3.7.229"),
    session: Session::Needed,
    callers: Callers::Accounts,
    fields: &[TEMPLATE.needed(), PAGE_TYPES_FIELD.needed()],
    ..Entry::POST
};

pub(super) const DUPLICATE_PAGES: Entry = Entry {
    name: "website/duplicate-pages",
    summary: "Copy pages of a site",
    path: Some("website/duplicate-pages"),
    since: Some("3.7.229"),
    session: Session::Needed,
    callers: Callers::Accounts,
    fields: &[PAGES],
    ..Entry::POST
};

pub(super) const REMOVE_PAGES: Entry = Entry {
    name: "website/remove-pages",
    summary: "Remove pages from a site",
    path: Some("website/remove-pages"),
    since: Some("3.7.229"),
    session: Session::Needed,
    idempotent: true,
    destructive: true,
    fields: &[PAGES],
    ..Entry::POST
};

pub(super) const GET_DOMAINS: Entry = Entry {
    name: "hosting-accounts/get-domains",
    summary: "List the published websites of the brand; asked at most once in 3 hours, else answered from the last answer",
    path: Some("hosting-accounts/get-domains"),
    base: Base::Central,
    idempotent: true,
    reads: true,
    answer: Answer::OkList,
    fields: &[
        Field::new("offset", Kind::Number, "the first one"),
        Field::new("limit", Kind::Number, "how many at most; 500 if it is left out"),
        Field::new("domain", Kind::Domain, "only this one, asked now; the two others are ignored then"),
    ],
    ..Entry::POST
};

pub(super) const SET_BLOCKED: Entry = Entry {
    name: "hosting-accounts/set-blocked",
    summary: "Block or unblock a published website",
    path: Some("hosting-accounts/set-blocked"),
    base: Base::Central,
    idempotent: true,
    fields: &[SITE, Field::new("value", Kind::Flag, "true blocks, false unblocks").needed()],
    ..Entry::POST
};

pub(super) const IP_LIST: Entry = Entry {
    name: "ipList/list",
    summary: "List the addresses of a licence",
    path: Some("ipList"),
    base: Base::Central,
    idempotent: true,
    reads: true,
    answer: Answer::OkList,
    fields: &[LICENCE],
    fixed: &[("action", Fixed::Text("list"))],
    ..Entry::POST
};

pub(super) const IP_LIST_FULL: Entry = Entry {
    name: "ipList/list-full",
    summary: "List the addresses of a licence with their brands",
    fixed: &[("action", Fixed::Text("list-full"))],
    ..IP_LIST
};

pub(super) const IP_ADD: Entry = Entry {
    name: "ipList/add",
    summary: "Add an address to a licence",
    answer: Answer::Ok,
    idempotent: false,
    reads: false,
    fields: &[LICENCE, IP, BRAND.needed()],
    fixed: &[("action", Fixed::Text("add"))],
    ..IP_LIST
};

pub(super) const IP_UPDATE: Entry = Entry {
    name: "ipList/update",
    summary: "Change an address of a licence, or its brand",
    answer: Answer::Ok,
    idempotent: false,
    reads: false,
    fields: &[LICENCE, IP, Field::new("newIp", Kind::Address, "the address from now on"), BRAND],
    fixed: &[("action", Fixed::Text("update"))],
    ..IP_LIST
};

pub(super) const IP_DELETE: Entry = Entry {
    name: "ipList/delete",
    summary: "Remove an address from a licence: the server behind it loses the licence",
    answer: Answer::Ok,
    idempotent: false,
    reads: false,
    destructive: true,
    fields: &[LICENCE, IP],
    fixed: &[("action", Fixed::Text("delete"))],
    ..IP_LIST
};
