//! The calls that the documentation names without their contract. Nothing of them is guessed: each is off until `[call NAME]` says where it lies and what it
//! takes.

use super::{Answer, Base, Entry, Way};

const fn named(name: &'static str, summary: &'static str) -> Entry {
    Entry { name, summary, answer: Answer::Object, way: Way::Configured, ..Entry::POST }
}

const fn central(entry: Entry) -> Entry {
    Entry { base: Base::Central, ..entry }
}

const fn destructive(entry: Entry) -> Entry {
    Entry { destructive: true, ..entry }
}

pub(super) const REMOVE_SESSION: Entry = named("remove-session", "Remove an existing session");
pub(super) const RESTORE_BACKUP: Entry = Entry {
    destructive: true,
    way: Way::Own("panelgate backup"),
    ..named("restore-site-backup", "Bring a website's saved project back")
};
pub(super) const CATEGORY_TAGS: Entry =
    named("template-category-tags", "List the tags of the categories of templates");
pub(super) const IMPORT_WEBSITE: Entry =
    destructive(named("import-website", "Import a website from elsewhere"));
pub(super) const IMPORT_STATUS: Entry = named("import-status", "Say how far the import of a website is");
pub(super) const IMPORT_BLOCK: Entry = named("import-block", "Import one block of a website");
pub(super) const BLOCK_IMPORT_STATUS: Entry =
    named("block-import-status", "Say how far the import of a block is");
pub(super) const IMPORT_OWNER: Entry =
    named("import-owner", "Check whether an imported website is owned by the user");
pub(super) const EDIT_PAGES: Entry = named("edit-pages", "Edit a site's pages");
pub(super) const EDIT_SETTINGS: Entry = named("edit-settings", "Edit a site's settings");
pub(super) const AUTO_LAYOUT: Entry = named("auto-layout", "Switch a site's Auto Layout");
pub(super) const GET_TEMPLATE: Entry = named("get-template", "Read which template a site has");
pub(super) const GET_PAGES: Entry = named("get-pages", "Read a site's pages");
pub(super) const GET_VARIABLES: Entry = named("get-variables", "Read a site's variables");
pub(super) const TEMPLATE_VARIABLES: Entry = named("template-variables", "Read a template's variables");
pub(super) const BLOCKS_CREATE_WEBSITE: Entry =
    destructive(named("blocks-create-website", "Make an empty website for blocks"));
pub(super) const BLOCKS_MODIFY_WEBSITE: Entry = named("blocks-modify-website", "Modify a website of blocks");
pub(super) const BLOCKS_INSPECT_WEBSITE: Entry =
    named("blocks-inspect-website", "Inspect a website of blocks");
pub(super) const BLOCKS_ADD_PAGE: Entry = named("blocks-add-page", "Add an empty page for blocks");
pub(super) const BLOCKS_MODIFY_PAGE: Entry = named("blocks-modify-page", "Modify a page of blocks");
pub(super) const BLOCKS_REMOVE_PAGE: Entry =
    destructive(named("blocks-remove-page", "Remove a page of blocks"));
pub(super) const BLOCKS_INSPECT_PAGE: Entry = named("blocks-inspect-page", "Inspect a page of blocks");
pub(super) const BLOCKS_INSPECT_COMPOSITION: Entry =
    named("blocks-inspect-composition", "Inspect a composition of blocks");
pub(super) const BLOCKS_ADD: Entry = named("blocks-add", "Add blocks from compositions");
pub(super) const BLOCKS_REMOVE: Entry = destructive(named("blocks-remove", "Remove blocks"));
pub(super) const BLOCKS_MOVE: Entry = named("blocks-move", "Move blocks");
pub(super) const BLOCKS_MODIFY: Entry = named("blocks-modify", "Modify blocks");
pub(super) const BLOCKS_INSPECT: Entry = named("blocks-inspect", "Inspect a block");
pub(super) const STATISTICS: Entry =
    central(named("statistics", "Read the statistics of publications and openings"));
pub(super) const PLANS_READ: Entry = central(named("plans-read", "Read the hosting plans"));
pub(super) const PLAN_ADD: Entry = central(named("plan-add", "Add a hosting plan"));
pub(super) const PLAN_DELETE: Entry = destructive(central(named("plan-delete", "Delete a hosting plan")));
pub(super) const ALLOW_DOMAIN: Entry = named("allow-domain", "Allow a domain in the builder");
pub(super) const DISALLOW_DOMAIN: Entry =
    destructive(named("disallow-domain", "Disallow a domain in the builder"));
pub(super) const CHECK_DOMAINS: Entry =
    named("check-domains", "Check whether domains are allowed in the builder");
pub(super) const FAQ_POSTS: Entry = central(named("faq-posts", "Read the posts of the FAQ"));
pub(super) const FAQ_CATEGORIES: Entry = central(named("faq-categories", "Read the categories of the FAQ"));
