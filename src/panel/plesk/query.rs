//! The questions to Plesk's database, as one run of `plesk db -Ne` each.
//!
//! A question is several SELECTs in one text. The first column of each row is a word that says what the row is; the last SELECT prints the one row
//! `end`, so that output that was cut off is not taken for the whole. They only read.
//!
//! **What stands in the text.** Plesk's program takes SQL as text only. Nothing but the name in a [`Username`] or [`Domain`] is ever put in: both
//! have passed a check that leaves letters, digits, `_`, `-` and `.` (SQL's string literals give a meaning to `'` and `\` alone), so that the quoted
//! name is one literal whatever it is. The text is one argument of a program that is started without a shell.
//!
//! **What the columns mean.** A row of `domains` with `webspace_id` 0 is a subscription and its main site; the others of the subscription point
//! to it. `hosting` leads to the system user, after whom the subscription is named here. Only columns that are known to exist in all versions are
//! named: one that does not exist would make the whole question fail.

use crate::types::{Domain, Username};

/// Names in the first column.
pub(super) mod marker {
    /// A site: see [`super::account`].
    pub(in super::super) const SITE: &str = "site";
    /// An alias: its name and its site's.
    pub(in super::super) const ALIAS: &str = "alias";
    /// A plan: its name and its type, `unknown` where Plesk does not say.
    pub(in super::super) const PLAN: &str = "plan";
    /// A name of the subscription that another subscription has too: the name.
    pub(in super::super) const CLAIM: &str = "claim";
    /// The login of a subscription's system user.
    pub(in super::super) const LOGIN: &str = "login";
    /// The last row.
    pub(in super::super) const END: &str = "end";
}

/// Everything about the subscription of a system user.
///
/// - `site`: subscription id, site id, name, status, hosting type, document root, system user, GUID, creation date, customer's login, e-mail, locale,
///   status. The row whose two ids are equal is the main site.
/// - `alias`, `plan`, `claim`: see [`marker`].
pub(super) fn account(name: &Username) -> String {
    let members = members(&format!(
        "SELECT DISTINCT {} AS id FROM sys_users z JOIN hosting y ON y.sys_user_id = z.id JOIN domains x ON x.id = y.dom_id \
         WHERE z.login = '{name}'",
        subscription("x")
    ));
    let sites = format!(
        "SELECT 'site', m.subscription, d.id, d.name, d.status, d.htype, h.www_root, u.login, d.guid, d.cr_date, \
         c.login, c.email, c.locale, c.status FROM ({members}) m JOIN domains d ON d.id = m.id \
         LEFT JOIN hosting h ON h.dom_id = d.id LEFT JOIN sys_users u ON u.id = h.sys_user_id LEFT JOIN clients c ON c.id = d.cl_id"
    );
    let aliases = format!(
        "SELECT 'alias', a.name, d.name FROM ({members}) m JOIN domains d ON d.id = m.id JOIN domain_aliases a ON a.dom_id = d.id"
    );
    // Whether a template is an add-on is said by its column `type`, of which it is not known that every version has it. Where there is none, the
    // name `type` in the inner SELECT means the column of the same name outside.
    let plans = format!(
        "SELECT 'plan', t.name, (SELECT type FROM Templates i WHERE i.id = t.id) \
         FROM (SELECT DISTINCT subscription FROM ({members}) m) s \
         JOIN Subscriptions b ON b.object_id = s.subscription AND b.object_type = 'domain' \
         JOIN PlansSubscriptions p ON p.subscription_id = b.id JOIN Templates t ON t.id = p.plan_id \
         CROSS JOIN (SELECT 'unknown' AS type) outside ORDER BY t.id"
    );
    let names = format!(
        "SELECT m.subscription, d.name FROM ({members}) m JOIN domains d ON d.id = m.id \
         UNION SELECT m.subscription, a.name FROM ({members}) m JOIN domain_aliases a ON a.dom_id = m.id"
    );
    let other = subscription("o");
    let claims = format!(
        "SELECT 'claim', n.name FROM ({names}) n JOIN domains o ON o.name = n.name WHERE {other} <> n.subscription \
         UNION SELECT 'claim', n.name FROM ({names}) n JOIN domain_aliases a ON a.name = n.name JOIN domains o ON o.id = a.dom_id \
         WHERE {other} <> n.subscription"
    );
    question(&[&sites, &aliases, &plans, &claims])
}

/// `login`: the system users of the subscriptions that have a site or alias of that name.
pub(super) fn owners(domain: &Domain) -> String {
    let subscription = subscription("x");
    let members = members(&format!(
        "SELECT {subscription} AS id FROM domains x WHERE x.name = '{domain}' \
         UNION SELECT {subscription} FROM domain_aliases a JOIN domains x ON x.id = a.dom_id WHERE a.name = '{domain}'"
    ));
    question(&[&format!(
        "SELECT DISTINCT 'login', u.login FROM ({members}) m JOIN hosting h ON h.dom_id = m.id JOIN sys_users u ON u.id = h.sys_user_id"
    )])
}

/// `login`: the system users of all subscriptions.
pub(super) fn accounts() -> String {
    question(&[
        "SELECT DISTINCT 'login', u.login FROM sys_users u JOIN hosting h ON h.sys_user_id = u.id JOIN domains d ON d.id = h.dom_id",
    ])
}

/// The id of the subscription that a row of `domains` belongs to.
fn subscription(row: &str) -> String {
    format!("CASE WHEN {row}.webspace_id = 0 THEN {row}.id ELSE {row}.webspace_id END")
}

/// The ids of all sites of subscriptions, with the subscription's. Two halves, so that each finds its rows by an index.
fn members(subscriptions: &str) -> String {
    format!(
        "SELECT s.id AS subscription, d.id AS id FROM ({subscriptions}) s JOIN domains d ON d.id = s.id \
         UNION SELECT s.id, d.id FROM ({subscriptions}) s JOIN domains d ON d.webspace_id = s.id"
    )
}

/// The client's character set would otherwise come from the environment, which is empty.
fn question(selects: &[&str]) -> String {
    format!("SET NAMES utf8; {}; SELECT 'end'", selects.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What lies outside of quotes, with each literal left as `''`.
    fn without_literals(sql: &str) -> String {
        let parts: Vec<&str> = sql.split('\'').collect();
        assert_eq!(parts.len() % 2, 1, "an odd number of quotes: {sql}");
        parts.into_iter().step_by(2).collect::<Vec<&str>>().join("''")
    }

    #[test]
    fn questions_only_read() {
        let name = Username::new("alice").unwrap();
        let domain = Domain::new("shop.example").unwrap();
        for sql in [account(&name), owners(&domain), accounts()] {
            for statement in without_literals(&sql).split("; ").skip(1) {
                assert!(statement.starts_with("SELECT "), "{statement}");
            }
            assert!(sql.starts_with("SET NAMES utf8; ") && sql.ends_with("; SELECT 'end'"));
            assert!(!sql.contains("  ") && !sql.contains('\n'));
        }
    }

    proptest! {
        #[test]
        fn a_name_is_one_literal_whatever_it_is(text in "\\PC{1,40}", name in "[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31}") {
            let plain = without_literals(&account(&Username::new("alice").unwrap()));
            for name in [text.as_str(), name.as_str()] {
                if let Ok(name) = Username::new(name) {
                    prop_assert_eq!(without_literals(&account(&name)), plain.clone());
                }
            }
            let plain = without_literals(&owners(&Domain::new("shop.example").unwrap()));
            for name in [format!("{text}.example"), format!("{name}.example")] {
                if let Ok(domain) = Domain::new(&name) {
                    prop_assert_eq!(without_literals(&owners(&domain)), plain.clone());
                }
            }
        }
    }
}
