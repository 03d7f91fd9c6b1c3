//! Reads a backend of the type `Single`.
//!
//! Fields: `Microsoft.ApiManagement/service/backends` of the API versions 2023-05-01-preview to
//! 2025-03-01-preview, <https://learn.microsoft.com/azure/templates/microsoft.apimanagement/service/backends>;
//! `credentials.managedIdentity` is not in that reference, Microsoft's own labs use it.

use super::Work;
use super::address::{self, Address};
use super::breaker::{self, Rule};
use super::credential::{self, Credential};
use super::fields::Fields;
use super::input::{NOT_KNOWN, Resource};
use spillway::config::{Problem, quoted};

/// A backend as it will stand in the configuration.
#[derive(Debug)]
pub(super) struct Backend {
    /// Its name in API Management.
    pub(super) source: String,
    /// Its name here.
    pub(super) name: String,
    /// Where it stands in the file.
    pub(super) path: String,
    /// Where it answers.
    pub(super) address: Address,
    /// What it wants to see.
    pub(super) credential: Option<Credential>,
    /// When it is left alone.
    pub(super) rule: Option<Rule>,
}

/// The backend; `None`: a problem has been said.
pub(super) fn read(resource: &Resource, fields: &Fields<'_>, work: &mut Work) -> Option<Backend> {
    let name = work.backends.backend(&resource.name);
    let address = if is_service_fabric(fields, work) {
        fields.get("url");
        None
    } else {
        address_of(fields, &name, work)
    };
    if let Some(address) = &address {
        let renamed = match &resource.name {
            same if *same == name => String::new(),
            other => format!(", which is called {} there", quoted(other)),
        };
        let message = format!("backend `{name}` at {}{renamed}", address.url);
        work.report.taken(&resource.path, message);
    }
    protocol(fields, work);
    tls(fields, work);
    if let Some(entry) = fields.get("proxy") {
        let hint = "Envoy must reach the backend itself, or give the proxy's own URL as `url`";
        work.report.without(&entry.path, "a proxy in front of the backend", hint);
    }
    let rule = breaker::read(fields, work);
    let azure = address.as_ref().is_some_and(|address| address.azure);
    let credential = credential::read(fields, &name, azure, work);
    describe(fields, work);
    leave(fields, work);
    Some(Backend {
        source: resource.name.clone(),
        name,
        path: resource.path.clone(),
        address: address?,
        credential,
        rule,
    })
}

fn is_service_fabric(fields: &Fields<'_>, work: &mut Work) -> bool {
    let inner = fields.object("properties", &mut work.problems);
    let cluster = inner.get("serviceFabricCluster");
    if let Some(entry) = &cluster {
        let message = "a Service Fabric backend: Spillway reaches backends by their URL only";
        let hint = "remove this backend from the file, and from its pools";
        work.problems.push(Problem::new(&entry.path, message, hint));
    }
    leave(&inner, work);
    cluster.is_some()
}

fn address_of(fields: &Fields<'_>, name: &str, work: &mut Work) -> Option<Address> {
    let Some(entry) = fields.get("url") else {
        let message = format!("the backend `{name}` has no `url`");
        let hint = "give it the URL that it answers at, or `pool` if it is one";
        work.problems.push(Problem::new(&fields.path, message, hint));
        return None;
    };
    let text = entry.text(&mut work.problems)?;
    let address = match address::read(text) {
        Ok(address) => address,
        Err(problem) => {
            work.problems.push(problem.at(&entry.path));
            return None;
        }
    };
    if let Some(deployment) = &address.deployment {
        let message = format!(
            "`{}` is left out at its end: clients' paths hold it, and {} is what every model is called there (`deployments`)",
            address.dropped,
            quoted(deployment)
        );
        work.report.differs(&entry.path, message, "");
    } else if !address.dropped.is_empty() {
        let message = format!(
            "`{}` is left out at its end: clients' paths hold it already, as in `/openai/deployments/…`",
            address.dropped
        );
        work.report.differs(&entry.path, message, "");
    }
    if !address.base_path.is_empty() {
        let message = format!(
            "clients' whole paths follow `{0}`: `/openai/v1/responses` becomes `{0}/openai/v1/responses`",
            address.base_path
        );
        let hint = "see that the backend answers there, and correct its `url` where it does not";
        work.report.differs(&entry.path, message, hint);
    }
    Some(address)
}

fn protocol(fields: &Fields<'_>, work: &mut Work) {
    let Some(entry) = fields.get("protocol") else { return };
    if !entry.text(&mut work.problems).is_some_and(|text| text.eq_ignore_ascii_case("http")) {
        work.report.without(&entry.path, "a protocol other than `http`", "");
    }
}

fn tls(fields: &Fields<'_>, work: &mut Work) {
    let tls = fields.object("tls", &mut work.problems);
    for (name, what) in [
        ("validateCertificateChain", "the certificate's chain"),
        ("validateCertificateName", "the certificate's name"),
    ] {
        let Some(entry) = tls.get(name) else { continue };
        match entry.flag(&mut work.problems) {
            Some(false) => {
                let message = format!("{what} is not checked: Spillway always does");
                let hint = "where a CA of your own signed it, set `ca_file`";
                work.report.without(&entry.path, message, hint);
            }
            _ => work.report.taken(&entry.path, format!("{what} is always checked")),
        }
    }
    for entry in tls.rest() {
        let hint = "where a CA of your own signed the certificate, set `ca_file`";
        work.report.without(&entry.path, "certificates that are known by name or thumbprint", hint);
    }
}

/// What only describes a backend or a pool.
pub(super) fn describe(fields: &Fields<'_>, work: &mut Work) {
    for name in ["title", "description", "resourceId", "azureRegion"] {
        if let Some(entry) = fields.get(name) {
            work.report.without(&entry.path, DESCRIBES, "");
        }
    }
}

/// What is said of it.
pub(super) const DESCRIBES: &str = "it only describes: left out";

/// What this command does not know.
pub(super) fn leave(fields: &Fields<'_>, work: &mut Work) {
    for entry in fields.rest() {
        work.report.without(&entry.path, NOT_KNOWN, "");
    }
}
