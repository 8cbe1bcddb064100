//! Templates (`reference/builder-api.md` 3.3, 3.4). The names in the answers are not documented, so that much is accepted and the rest kept.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::calls::Call;
use crate::error::Result;

use super::{Client, tolerant};

/// A category of templates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Category {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many templates it holds.
    pub count: Option<u64>,
    /// What else the builder says, as it came.
    pub rest: Map<String, Value>,
}

/// A template.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Template {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The ID of its category.
    pub category: Option<String>,
    /// The address of its picture; not checked: for display only.
    pub image: Option<String>,
    /// What else the builder says, as it came.
    pub rest: Map<String, Value>,
}

/// What pages a template has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageTypes {
    /// The template's ID, if the builder repeats it.
    pub template: Option<String>,
    /// The types of pages.
    pub page_types: Vec<String>,
}

const IDS: [&str; 4] = ["id", "templateId", "template", "key"];
const NAMES: [&str; 2] = ["name", "title"];

impl Client {
    /// `GET category-list` below the builder's address: the categories of templates. All names of the answer are inferred.
    ///
    /// # Errors
    /// One of the builder's kinds ([`crate::error::ErrorKind`] 3xx), or `Config`.
    pub fn categories(&self) -> Result<Vec<Category>> {
        Ok(read_categories(self.invoke(Call::CategoryList, None, &Map::new())?))
    }

    /// `GET template-list` below the builder's address: the templates. All names of the answer are inferred.
    ///
    /// # Errors
    /// As [`Client::categories`].
    pub fn templates(&self) -> Result<Vec<Template>> {
        Ok(read_templates(self.invoke(Call::TemplateList, None, &Map::new())?))
    }

    /// `POST website/get-page-types` below the builder's address, since 3.7.229: the types of pages of a template. All names are inferred.
    ///
    /// # Errors
    /// As [`Client::categories`].
    pub fn page_types(&self, template: &str) -> Result<PageTypes> {
        let mut body = Map::new();
        body.insert("template".into(), json!(template));
        Ok(read_page_types(self.invoke(Call::PageTypes, None, &body)?))
    }
}

/// Reads the answer of `category-list`. Items without an ID are left out.
pub fn read_categories(answer: Value) -> Vec<Category> {
    let read = |mut item: Map<String, Value>| {
        let id = tolerant::take(&mut item, &IDS, tolerant::text)?;
        Some(Category {
            name: tolerant::take(&mut item, &NAMES, tolerant::text).unwrap_or_else(|| id.clone()),
            count: tolerant::take(&mut item, &["count", "total", "templates", "num"], tolerant::number),
            id,
            rest: item,
        })
    };
    tolerant::items(answer, "categories").into_iter().filter_map(read).collect()
}

/// Reads the answer of `template-list`. Items without an ID are left out.
pub fn read_templates(answer: Value) -> Vec<Template> {
    let read = |mut item: Map<String, Value>| {
        let id = tolerant::take(&mut item, &IDS, tolerant::text)?;
        let image = ["image", "img", "imageUrl", "thumb", "thumbnail", "preview"];
        Some(Template {
            name: tolerant::take(&mut item, &NAMES, tolerant::text).unwrap_or_else(|| id.clone()),
            category: tolerant::take(&mut item, &["category", "categoryId", "cat"], tolerant::text),
            image: tolerant::take(&mut item, &image, tolerant::text),
            id,
            rest: item,
        })
    };
    tolerant::items(answer, "templates").into_iter().filter_map(read).collect()
}

/// Reads the answer of `website/get-page-types`.
pub fn read_page_types(mut answer: Map<String, Value>) -> PageTypes {
    PageTypes {
        template: tolerant::take(&mut answer, &["template"], tolerant::text),
        page_types: tolerant::take(&mut answer, &["pageTypes", "types", "pages"], tolerant::texts)
            .unwrap_or_default(),
    }
}
