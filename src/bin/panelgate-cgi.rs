//! `panelgate.cgi`: the page behind the icon. Everything is in `panelgate::web`; here is only what connects it to the `cgi` crate.
//!
//! This is the only file that names that crate (AGPL-3.0), and it does so only with the feature `cgi`. The crate sees a cleaned process: see
//! [`panelgate::web::Front`].

fn main() {
    #[cfg(feature = "cgi")]
    panelgate::web::run(Some(&crate_front::CgiFront));
    #[cfg(not(feature = "cgi"))]
    panelgate::web::run(None);
}

#[cfg(feature = "cgi")]
mod crate_front {
    use std::collections::BTreeMap;

    use cgi::http::header::{HeaderName, HeaderValue};
    use panelgate::web::dialect::Dialect;
    use panelgate::web::{Answer, Front, Response};

    /// Reads plain CGI requests and writes plain CGI answers.
    pub(super) struct CgiFront;

    impl Front for CgiFront {
        fn writes(&self, dialect: Dialect) -> bool {
            dialect == Dialect::Cgi
        }

        fn serve(&self, answer: Answer<'_>) {
            cgi::handle(|request| {
                let method = request.method().as_str().to_owned();
                let query = request.uri().query().unwrap_or_default().to_owned();
                convert(&answer(&method, &query, request.into_body()))
            });
        }
    }

    fn convert(response: &Response) -> cgi::Response {
        let mut converted = cgi::Response::new(response.body().to_vec());
        if let Ok(status) = cgi::http::StatusCode::from_u16(response.status()) {
            *converted.status_mut() = status;
        }
        // The crate writes one header of each name: values of the same name are joined (RFC 9110 5.3).
        let mut joined: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in response.headers() {
            joined.entry(name).and_modify(|all| *all = format!("{all}, {value}")).or_insert(value.to_owned());
        }
        for (name, value) in joined {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
            {
                converted.headers_mut().insert(name, value);
            }
        }
        converted
    }
}
