//! Files that a published site writes itself.

use crate::types::RelPath;

/// Whether a path is one where the scripts of a published site keep data: orders, comments, invoices, attachments. They lie in the builder's folder and
/// survive every publication. What lies in its `dat` folder is part of the publication.
pub(crate) fn is_runtime(path: &RelPath) -> bool {
    let segments: Vec<&str> = path.segments().collect();
    let [_, inner @ .., name] = segments.as_slice() else { return false };
    if inner.first() == Some(&"dat") {
        return false;
    }
    let shop = |name: &str| {
        name.starts_with("store") && [".log", ".dat", ".json"].iter().any(|end| name.ends_with(end))
    };
    inner.contains(&"forms_attachments")
        || name.ends_with(".comments.dat")
        || matches!(*name, "invoice-series.json" | "ga_code")
        || shop(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_the_running_site_is_known_by_its_name() {
        let runtime = |text: &str| is_runtime(&RelPath::from_wire(text.as_bytes()).unwrap());
        for data in [
            "sitepro/1.comments.dat",
            "sitepro/store.dat",
            "sitepro/store_orders.log",
            "ncsitebuilder/store.json",
            "sitepro/invoice-series.json",
            "sitepro/ga_code",
            "sitepro/forms_attachments/7/cv.pdf",
        ] {
            assert!(runtime(data), "{data}");
        }
        for part in [
            "store.dat",
            "ga_code",
            "sitepro/dat/store.dat",
            "sitepro/css/site.css",
            "sitepro/store.php",
            "sitepro/data.json",
        ] {
            assert!(!runtime(part), "{part}");
        }
    }
}
