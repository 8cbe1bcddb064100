//! What goes through the socket about publications.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::ops::Operation;
use crate::ops::endpoint::{Head, ManageRequest, Reply};
use crate::ops::internal::Word;
use crate::publish::worker::Manage;
use crate::types::{Domain, Reference, Secret, Username};

/// Arguments of `publish`: the head of a request. It holds a password: this type has no `Debug`.
#[derive(Default, Serialize, Deserialize)]
pub(in crate::broker) struct PublishArgs {
    method: String,
    path: String,
    #[serde(default)]
    query: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    authorization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    remote: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    media: Option<String>,
    /// In base64: a body may hold any bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    form: Option<String>,
}

impl PublishArgs {
    pub(in crate::broker) fn of(head: &Head) -> Self {
        Self {
            method: head.method.clone(),
            path: head.path.clone(),
            query: head.query.clone(),
            authorization: head.authorization.as_ref().map(|header| header.expose().to_owned()),
            length: head.length,
            remote: head.remote,
            media: head.media.clone(),
            form: head.form.as_ref().map(|form| STANDARD.encode(form)),
        }
    }

    pub(in crate::broker) fn into_head(self, reference: Reference) -> Result<Head> {
        let form = self.form.map(|form| STANDARD.decode(form)).transpose();
        let form = form.map_err(|_| Error::new(ErrorKind::BadRequest, "the form is not base64"))?;
        Ok(Head {
            reference,
            method: self.method,
            path: self.path,
            query: self.query,
            authorization: self.authorization.map(Secret::new),
            length: self.length,
            remote: self.remote,
            media: self.media,
            form,
        })
    }
}

/// Result of `publish`: exactly one of the three is there.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::broker) struct Admitted {
    /// The descriptors may come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::broker) go: bool,
    /// They are not needed: this is the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::broker) answer: Option<Reply>,
    /// They are not needed: this became of a publication by archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::broker) action: Option<Word>,
}

/// Arguments of `publication` and `unpublish`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::broker) struct ManageArgs {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account: Option<Username>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    site: Option<Domain>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    what: Option<Manage>,
}

impl ManageArgs {
    pub(in crate::broker) fn of(request: &ManageRequest) -> Self {
        Self { account: request.account.clone(), site: Some(request.site.clone()), what: Some(request.what) }
    }

    pub(in crate::broker) fn account(&self) -> Option<&Username> {
        self.account.as_ref()
    }

    /// The request, if it is one of the operation that it was sent as.
    pub(in crate::broker) fn into_request(
        self,
        operation: Operation,
        reference: Reference,
    ) -> Result<ManageRequest> {
        let (Some(site), Some(what)) = (self.site, self.what) else {
            return Err(Error::new(ErrorKind::BadRequest, "site and what must be given"));
        };
        let request = ManageRequest { reference, account: self.account, site, what };
        if request.operation() == operation {
            Ok(request)
        } else {
            let text = format!("\"{}\" is no part of \"{}\"", what.name(), operation.name());
            Err(Error::new(ErrorKind::BadRequest, text))
        }
    }
}
