//! The forms of a page that this house has written: just enough reading of HTML for the demo's check.

/// One form with what it would send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// The attribute `action`; empty if there is none.
    pub(super) action: String,
    /// Names and values of its inputs and buttons.
    pub(super) fields: Vec<(String, String)>,
}

impl Form {
    /// The request target that it is sent to from the page at `page`.
    pub(super) fn target(&self, page: &str) -> String {
        if self.action.starts_with('/') {
            self.action.clone()
        } else if self.action.is_empty() || self.action.starts_with('?') {
            format!("{page}{}", self.action)
        } else {
            let directory = page.rfind('/').map_or("/", |slash| &page[..=slash]);
            format!("{directory}{}", self.action)
        }
    }
}

/// All forms of a page.
pub(super) fn forms(page: &str) -> Vec<Form> {
    let mut found = Vec::new();
    for piece in page.split("<form").skip(1) {
        let inside = piece.split("</form>").next().unwrap_or_default();
        let mut form =
            Form { action: attribute(head(inside), "action").unwrap_or_default(), ..Form::default() };
        for tag in inside.split('<').skip(1) {
            let sends = tag.starts_with("input") || tag.starts_with("button");
            let (name, value) = (attribute(head(tag), "name"), attribute(head(tag), "value"));
            form.fields.extend(name.zip(value).filter(|_| sends));
        }
        found.push(form);
    }
    found
}

/// A tag up to its end; attributes of ours hold no `>` as it is.
fn head(tag: &str) -> &str {
    tag.split('>').next().unwrap_or_default()
}

fn attribute(head: &str, name: &str) -> Option<String> {
    let begin = head.find(&format!(" {name}=\"")).map(|at| at + name.len() + 3)?;
    let value = head[begin..].split('"').next()?;
    Some(unescape(value))
}

fn unescape(text: &str) -> String {
    let known = [("&#38;", "&"), ("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">")];
    let named = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    known.iter().chain(&named).fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_page() {
        let page = "<form method=\"post\" action=\"panelgate.cgi?a&amp;b\"><input type=\"hidden\" name=\"token\" value=\"x&#34;y\">\
                    <p>text</p><button name=\"site\" value=\"shop.example\">Open</button></form><form><input name=\"q\"></form>";
        let found = forms(page);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].action, "panelgate.cgi?a&b");
        assert_eq!(
            found[0].fields,
            [("token".into(), "x\"y".into()), ("site".into(), "shop.example".into())]
                as [(String, String); 2]
        );
        assert!(found[1].fields.is_empty());
        assert!(forms("").is_empty());
    }

    #[test]
    fn targets() {
        let target = |action: &str| Form { action: action.into(), fields: Vec::new() }.target("/p/x.cgi");
        assert_eq!(target(""), "/p/x.cgi");
        assert_eq!(target("?a"), "/p/x.cgi?a");
        assert_eq!(target("y.cgi"), "/p/y.cgi");
        assert_eq!(target("/z"), "/z");
    }
}
