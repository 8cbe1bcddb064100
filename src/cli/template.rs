//! `panelgate template`: what sites can be made of.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::asking::{ask, hush};
use super::output::{Cell, Output};
use crate::builder::template::{self, Template};
use crate::calls::Call;
use crate::error::Result;
use crate::gateway::{self, Reach};

/// Show the builder's templates
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        match &self.command {
            Command::List(list) => list.json,
            Command::Show(show) => show.json,
        }
    }
}

#[derive(Subcommand)]
enum Command {
    List(List),
    Show(Show),
}

/// List templates, or their categories
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate template list
  panelgate template list --category food
  panelgate template list --categories

JSON: an array of {\"id\", \"name\", \"category\", \"image\", \"rest\"}, or of {\"id\", \"name\", \"count\", \"rest\"}.")]
struct List {
    /// Those of one category, by its ID
    #[arg(long, value_name = "ID", conflicts_with = "categories")]
    category: Option<String>,

    /// The categories instead
    #[arg(long)]
    categories: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show the types of pages that a template has
#[derive(Args)]
#[command(after_long_help = "JSON: {\"template\", \"page_types\"}.")]
struct Show {
    /// The template's ID
    template: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let gateway = gateway::for_program(reach)?;
    hush();
    match &arguments.command {
        Command::List(list) if list.categories => {
            let found = template::read_categories(ask(gateway.as_ref(), Call::CategoryList, json!({}))?);
            if list.json {
                output.json(&found);
                return Ok(0);
            }
            let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
            let rows: Vec<Vec<Cell>> = found
                .iter()
                .map(|one| vec![Cell::new(&one.id), Cell::new(&one.name), Cell::new(count(one.count))])
                .collect();
            output.table(0, &["ID", "NAME", "TEMPLATES"], &rows);
        }
        Command::List(list) => {
            let mut found = template::read_templates(ask(gateway.as_ref(), Call::TemplateList, json!({}))?);
            let wanted = |one: &Template| list.category.is_none() || one.category == list.category;
            found.retain(wanted);
            if list.json {
                output.json(&found);
                return Ok(0);
            }
            let cells = |one: &Template| {
                vec![
                    Cell::new(&one.id),
                    Cell::new(&one.name),
                    Cell::new(one.category.as_deref().unwrap_or_default()),
                ]
            };
            let rows: Vec<Vec<Cell>> = found.iter().map(cells).collect();
            output.table(0, &["ID", "NAME", "CATEGORY"], &rows);
        }
        Command::Show(show) => {
            let answer = ask(gateway.as_ref(), Call::PageTypes, json!({ "template": show.template }))?;
            let found = template::read_page_types(members(answer));
            if show.json {
                output.json(&found);
                return Ok(0);
            }
            found.page_types.iter().for_each(|kind| output.line(&[Cell::new(kind)]));
        }
    }
    Ok(0)
}

/// The members of an answer; the builder's client has made sure that it is an object.
pub(super) fn members(answer: Value) -> Map<String, Value> {
    match answer {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
