//! What Plesk's schema says of a packet, for the operators that Panelgate uses. Refusals are in the words of libxml2, which Plesk repeats.

use roxmltree::{Document, Node};

/// A packet with `backup-webspace`.
macro_rules! webspace {
    ($inside:literal) => {
        concat!(
            "<packet><backup-manager><backup-webspace>",
            $inside,
            "</backup-webspace></backup-manager></packet>"
        )
    };
}

/// Packets with a fault each, and the element that the refusal names.
pub const FAULTY: &[(&str, &str)] = &[
    (
        webspace!(
            "<webspace-id>3</webspace-id><webspace-name>a.example</webspace-name><local/><description/>"
        ),
        "Element 'webspace-name': This element is not expected.",
    ),
    (webspace!("<local/><description/>"), "Element 'local': This element is not expected."),
    (
        webspace!("<webspace-id>3</webspace-id><local/><remote>ftp</remote><description/>"),
        "Element 'remote': This element is not expected.",
    ),
    (
        webspace!("<webspace-id>3</webspace-id><description/>"),
        "Element 'description': This element is not expected.",
    ),
    (
        webspace!("<webspace-id>3</webspace-id><local/><description/><prefix>p</prefix>"),
        "Element 'prefix': This element is not expected.",
    ),
    (
        webspace!("<webspace-id>3</webspace-id><local/><description/><only-hosting/><only-mail/>"),
        "Element 'only-mail': This element is not expected.",
    ),
    (
        webspace!("<webspace-id>3</webspace-id><local/><description/><only-configuration/><only-mail/>"),
        "Element 'only-mail': This element is not expected.",
    ),
    (
        webspace!("<webspace-id>3</webspace-id><local/>"),
        "Element 'backup-webspace': Missing child element(s).",
    ),
    (
        webspace!("<webspace-id>0</webspace-id><local/><description/>"),
        "Element 'webspace-id': '0' is not a valid value",
    ),
    (
        webspace!("<webspace-id>3</webspace-id><local>x</local><description/>"),
        "Element 'local': Character content is not allowed",
    ),
    (
        webspace!("\u{a0}<webspace-id>3</webspace-id><local/><description/>"),
        "Element 'backup-webspace': Character content other than whitespace is not allowed",
    ),
    (
        "<packet><backup-manager><get-local-backup-list/></backup-manager></packet>",
        "Element 'get-local-backup-list': Missing child element(s).",
    ),
    (
        "<packet><backup-manager><get-tasks-info><server/><task-id>1</task-id></get-tasks-info></backup-manager></packet>",
        "Element 'task-id': This element is not expected.",
    ),
    (
        "<packet xmlns=\"urn:x\"><backup-manager><get-tasks-info/></backup-manager></packet>",
        "Element '{urn:x}packet': No matching global declaration available for the validation root.",
    ),
];

/// A type of an element's content.
#[derive(Clone, Copy)]
enum Type {
    /// Nothing.
    None,
    /// Anything.
    Any,
    Text,
    Id,
    Task,
    Int,
    Bool,
    /// Elements.
    Inside(&'static [Part]),
}

/// A place in a sequence: one of these elements, which may have to be there.
#[derive(Clone, Copy)]
struct Part(bool, &'static [(&'static str, Type)]);

const SUBJECT: &[(&str, Type)] = &[
    ("webspace-id", Type::Id),
    ("webspace-name", Type::Text),
    ("customer-id", Type::Id),
    ("customer-login", Type::Text),
    ("reseller-id", Type::Id),
    ("reseller-login", Type::Text),
    ("server", Type::Any),
];

macro_rules! backup {
    ($($first:expr),*) => { &[
        $( $first, )*
        Part(true, &[("local", Type::None), ("remote", Type::Text)]),
        Part(false, &[("prefix", Type::Text)]),
        Part(true, &[("description", Type::Text)]),
        Part(false, &[("split-size", Type::Int)]),
        Part(false, &[("only-hosting", Type::Any), ("only-mail", Type::Any)]),
        Part(false, &[("only-configuration", Type::Any)]),
    ] };
}

const SETTINGS: &[Part] = &[
    Part(true, &[("protocol", Type::Any)]),
    Part(false, &[("host", Type::Text)]),
    Part(false, &[("port", Type::Int)]),
    Part(false, &[("directory", Type::Text)]),
    Part(false, &[("login", Type::Text)]),
    Part(false, &[("password", Type::Text)]),
    Part(false, &[("passive-mode", Type::Bool)]),
    Part(false, &[("use-ftps", Type::Bool)]),
];

const TASK_FILTER: &[(&str, Type)] = &[
    ("webspace-id", Type::Id),
    ("webspace-name", Type::Text),
    ("customer-id", Type::Id),
    ("customer-login", Type::Text),
    ("reseller-id", Type::Id),
    ("reseller-login", Type::Text),
    ("server", Type::Any),
    ("task-id", Type::Task),
];

const OPERATIONS: &[(&str, &str, Type)] = &[
    ("server", "get_protos", Type::None),
    (
        "backup-manager",
        "backup-webspace",
        Type::Inside(backup!(Part(true, &[("webspace-id", Type::Id), ("webspace-name", Type::Text)]))),
    ),
    (
        "backup-manager",
        "backup-customer",
        Type::Inside(backup!(Part(true, &[("customer-id", Type::Any), ("customer-login", Type::Any)]))),
    ),
    (
        "backup-manager",
        "backup-reseller",
        Type::Inside(backup!(Part(true, &[("reseller-id", Type::Any), ("reseller-login", Type::Any)]))),
    ),
    ("backup-manager", "backup-server", Type::Inside(backup!())),
    ("backup-manager", "get-tasks-info", Type::Inside(&[Part(false, TASK_FILTER)])),
    ("backup-manager", "stop-backup", Type::Inside(&[Part(true, &[("task-id", Type::Task)])])),
    ("backup-manager", "get-local-backup-list", Type::Inside(&[Part(true, SUBJECT)])),
    (
        "backup-manager",
        "download-file",
        Type::Inside(&[Part(true, SUBJECT), Part(true, &[("filename", Type::Text)])]),
    ),
    (
        "backup-manager",
        "remove-file",
        Type::Inside(&[Part(true, SUBJECT), Part(true, &[("filename", Type::Text)])]),
    ),
    (
        "backup-manager",
        "import-file",
        Type::Inside(&[
            Part(true, SUBJECT),
            Part(true, &[("tmp-filename", Type::Text)]),
            Part(false, &[("ignore-sign", Type::Any)]),
        ]),
    ),
    ("backup-manager", "get-supported-protocols", Type::None),
    (
        "backup-manager",
        "get-remote-storage-settings",
        Type::Inside(&[Part(false, SUBJECT), Part(true, &[("protocol", Type::Text)])]),
    ),
    (
        "backup-manager",
        "set-remote-storage-settings",
        Type::Inside(&[Part(false, SUBJECT), Part(true, &[("settings", Type::Inside(SETTINGS))])]),
    ),
    ("backup-manager", "get-server-wide-settings", Type::None),
    (
        "backup-manager",
        "set-server-wide-settings",
        Type::Inside(&[
            Part(false, &[("max-backup-files", Type::Int)]),
            Part(false, &[("max-backup-processes", Type::Int)]),
            Part(false, &[("low-priority", Type::Bool)]),
            Part(false, &[("do-not-compress", Type::Bool)]),
            Part(false, &[("allow-local-ftp-backup", Type::Bool)]),
            Part(false, &[("keep-local-backup", Type::Bool)]),
        ]),
    ),
];

/// Whether a packet fits the schema: the text of the refusal if not.
pub fn validate(xml: &str) -> Result<(), String> {
    let document = Document::parse(xml).map_err(|error| error.to_string())?;
    let packet = document.root_element();
    if packet.tag_name().namespace().is_some() || packet.tag_name().name() != "packet" {
        return Err(format!(
            "Element '{}': No matching global declaration available for the validation root.",
            qualified(packet)
        ));
    }
    for operator in elements(packet)? {
        for operation in elements(operator)? {
            let (operator, name) = (operator.tag_name().name(), operation.tag_name().name());
            let known = OPERATIONS.iter().find(|(of, its, _)| (*of, *its) == (operator, name));
            let Some((_, _, model)) = known else { return Err(unexpected(operation)) };
            check(operation, *model)?;
        }
    }
    Ok(())
}

fn qualified(node: Node<'_, '_>) -> String {
    let name = node.tag_name();
    name.namespace().map_or_else(|| name.name().to_owned(), |space| format!("{{{space}}}{}", name.name()))
}

fn unexpected(node: Node<'_, '_>) -> String {
    format!("Element '{}': This element is not expected.", qualified(node))
}

/// The elements in an element that must hold nothing else.
fn elements<'a, 'd>(node: Node<'a, 'd>) -> Result<Vec<Node<'a, 'd>>, String> {
    let stray = |text: &str| text.chars().any(|character| !" \t\r\n".contains(character));
    if node.children().filter_map(|child| child.text().filter(|_| child.is_text())).any(stray) {
        return Err(format!(
            "Element '{}': Character content other than whitespace is not allowed because the content type is 'element-only'.",
            qualified(node)
        ));
    }
    Ok(node.children().filter(Node::is_element).collect())
}

fn check(node: Node<'_, '_>, model: Type) -> Result<(), String> {
    let name = qualified(node);
    let text = node.text().unwrap_or_default();
    let value = text.trim_matches([' ', '\t', '\r', '\n']);
    let wrong = |kind: &str| {
        Err(format!("Element '{name}': '{value}' is not a valid value of the atomic type '{kind}'."))
    };
    if let Type::Inside(parts) = model {
        return sequence(node, parts);
    }
    if !matches!(model, Type::Any)
        && let Some(child) = node.children().find(Node::is_element)
    {
        return Err(unexpected(child));
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let integer = |text: &str| digits(text.strip_prefix(['-', '+']).unwrap_or(text));
    match model {
        Type::None if !text.is_empty() => Err(format!(
            "Element '{name}': Character content is not allowed, because the content type is empty."
        )),
        Type::Id if !digits(value) || value.trim_start_matches('0').is_empty() => wrong("id_type"),
        Type::Task if !digits(value.strip_prefix('-').unwrap_or(value)) => wrong("BackupTaskIdType"),
        Type::Int if !integer(value) => wrong("int"),
        Type::Bool if !["true", "false", "1", "0"].contains(&value) => wrong("boolean"),
        _ => Ok(()),
    }
}

fn sequence(node: Node<'_, '_>, parts: &[Part]) -> Result<(), String> {
    let children = elements(node)?;
    let mut rest = children.iter();
    let mut next = rest.next();
    for Part(required, alternatives) in parts {
        let found = next.and_then(|child| alternatives.iter().find(|(name, _)| qualified(*child) == *name));
        match (found, next) {
            (Some((_, model)), Some(child)) => {
                check(*child, *model)?;
                next = rest.next();
            }
            (_, Some(child)) if *required => return Err(unexpected(*child)),
            (_, None) if *required => {
                return Err(format!("Element '{}': Missing child element(s).", qualified(node)));
            }
            _ => {}
        }
    }
    next.map_or(Ok(()), |child| Err(unexpected(*child)))
}
