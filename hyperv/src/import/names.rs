//! What tenants are called.

use std::collections::HashMap;

use crate::items::guid;

use super::domains::Domains;
use super::{ImportError, Tenant};

/// A tenant for each routing domain, without anything but its subnets.
pub(super) fn tenants(domains: &Domains, given: &[(String, String)]) -> Result<Vec<Tenant>, ImportError> {
    let mut names = HashMap::new();
    for (id, name) in given {
        let wrong =
            |message: String| ImportError::Option { option: format!("--tenant-name {id}={name}"), message };
        let Some(id) = guid(id) else {
            return Err(wrong(
                "write GUID=NAME, as in {6C1A3A52-3D2B-4C0E-9A65-0D7A5F0C9E01}=red".to_owned(),
            ));
        };
        if !domains.ids.contains(&id) {
            let known = domains.ids.join(", ");
            return Err(wrong(format!("no routing domain of the documents; theirs are: {known}")));
        }
        if !is_name(name) {
            return Err(wrong(
                "no name: write up to 63 letters, digits, dashes, dots and underscores, a letter first"
                    .to_owned(),
            ));
        }
        if names.insert(id, name.clone()).is_some() {
            return Err(wrong("this routing domain has a name already".to_owned()));
        }
    }
    let short = |id: &str| format!("rd-{}", id[1..9].to_ascii_lowercase());
    let mut tenants: Vec<Tenant> = Vec::new();
    for (i, id) in domains.ids.iter().enumerate() {
        let alike = domains.ids.iter().any(|other| other != id && short(other) == short(id));
        let derived = if alike { format!("rd-{}", id[1..37].to_ascii_lowercase()) } else { short(id) };
        let name = names.get(id).cloned().unwrap_or(derived);
        if let Some(first) = tenants.iter().find(|tenant| tenant.name == name) {
            let message = format!("{} has this name already; write another one", first.routing_domain);
            return Err(ImportError::Option { option: format!("--tenant-name {id}={name}"), message });
        }
        tenants.push(Tenant {
            name,
            routing_domain: id.clone(),
            subnets: domains.subnets_of(i),
            records: Vec::new(),
            routes: Vec::new(),
        });
    }
    Ok(tenants)
}

/// Whether the configuration takes a text as a name. One that could be a number is no good either.
fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
