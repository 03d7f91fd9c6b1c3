//! `spillway render istio`: the resources that lay Spillway over a mesh's proxies.

use std::io;
use std::path::PathBuf;

use crate::cli::file::{Failure, Loaded};
use crate::cli::{Exit, Output};
use crate::envoy::AccessLog;
use crate::istio::{self, Attach, Minor, Module, Options, Place};
use spillway::config::Problem;

/// Resources for an Istio ingress gateway or for sidecars, as YAML for `kubectl apply`
#[derive(Debug, clap::Args)]
pub(super) struct Istio {
    /// The configuration, YAML or JSON
    pub(super) file: PathBuf,
    /// The Istio of the proxies: 1.28, 1.29, 1.30, 1.31 or master
    #[arg(long, value_name = "VERSION")]
    istio_version: Minor,
    /// Which proxies run it
    #[arg(long, value_enum, default_value_t)]
    attach: Proxies,
    /// The name of the resources, so that those for two versions of Istio can stand side by side
    #[arg(long, value_name = "NAME", default_value = "spillway")]
    name: String,
    /// A host that clients ask for; may be given several times [default for sidecars: the Service
    /// `spillway`]
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// The port that clients ask for: the Gateway's, or the Service's
    #[arg(long, default_value_t = 80)]
    port: u16,
    /// The port that the proxies listen on for that, where it is another: the Service's `targetPort`
    #[arg(long, value_name = "PORT")]
    listener_port: Vec<u16>,
    /// The Gateway that the host belongs to, `NAME` or `NAMESPACE/NAME`
    #[arg(long, value_name = "GATEWAY")]
    gateway: Option<String>,
    /// The namespace of the proxies [default: `istio-ingress`, or `default` for sidecars]
    #[arg(long)]
    namespace: Option<String>,
    /// The labels of the proxies' pods [default for a gateway: `istio=ingressgateway`]
    #[arg(long, value_name = "LABELS", value_parser = super::labels)]
    selector: Option<Labels>,
    /// Where the proxies find the filter: a path in their container, `https://…` or `oci://…`
    #[arg(long, value_name = "MODULE", default_value = "/etc/spillway/spillway.wasm")]
    wasm: String,
    /// What the filter's SHA-256 digest must be; `https://…` needs it
    #[arg(long, value_name = "DIGEST")]
    wasm_sha256: Option<String>,
    /// The Kubernetes Secret with the keys, each under the name of its variable or file
    #[arg(long, value_name = "NAME", default_value = "spillway-keys")]
    secret: String,
    /// Where the line for each request goes: a file, `-` for standard output, or `off`
    #[arg(long, value_name = "PATH", default_value = "-")]
    access_log: AccessLog,
    /// The CA bundle in the proxies' image
    #[arg(long, value_name = "PATH", default_value = "/etc/ssl/certs/ca-certificates.crt")]
    ca_bundle: String,
    /// Print the patch for the proxies' Deployment instead: keys from the Secret, files, and
    /// annotations
    #[arg(long)]
    proxy_patch: bool,
    /// Name the Deployment of the proxies in the patch, as kustomize wants it
    #[arg(long, value_name = "NAME", requires = "proxy_patch")]
    deployment: Option<String>,
    /// Print the same as values for Istio's `gateway` chart
    #[arg(long, conflicts_with = "proxy_patch")]
    values: bool,
}

type Labels = Vec<(String, String)>;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Proxies {
    /// An ingress gateway, for clients from anywhere
    #[default]
    Ingress,
    /// A gateway of the Kubernetes Gateway API that Istio runs, for clients from anywhere
    GatewayApi,
    /// The sidecars of applications, for what these send
    Sidecar,
}

impl Istio {
    pub(super) fn run(&self, loaded: Loaded, output: &mut Output<'_>) -> io::Result<Exit> {
        let options = match self.options(&loaded.config.path_prefix) {
            Ok(options) => options,
            Err(problems) => return super::refuse(&problems, output),
        };
        let problems = istio::problems(&loaded.config, &options);
        if problems.is_empty() {
            self.print(&loaded, &options, output)
        } else {
            Failure::Wrong(problems, loaded.places).report(&self.file, output)
        }
    }

    fn options(&self, path_prefix: &str) -> Result<Options, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |message: &str, hint: &str| problems.push(Problem::new("", message, hint));
        let sidecar = self.attach == Proxies::Sidecar;
        if !sidecar && self.hosts.is_empty() {
            wrong(
                "--host: an ingress gateway serves many hosts, and one is Spillway's",
                "name the host that clients will ask for, such as `--host ai.example.com`",
            );
        }
        if !sidecar && self.gateway.is_none() {
            wrong(
                "--gateway: the host has to belong to a Gateway",
                "`kubectl get gateways.networking.istio.io -A` lists them",
            );
        }
        if self.values && self.attach != Proxies::Ingress {
            wrong("--values: only an ingress gateway comes from a chart", "see `--proxy-patch`");
        }
        if self.attach == Proxies::GatewayApi && self.selector.is_some() {
            wrong("--selector: a gateway of the Gateway API is meant by its name", "leave it out");
        }
        if self.attach == Proxies::GatewayApi
            && self.gateway.as_ref().is_some_and(|gateway| gateway.contains('/'))
        {
            wrong(
                "--gateway: an `EnvoyFilter` refers to Gateways of its own namespace alone",
                "name the namespace with `--namespace`",
            );
        }
        if sidecar && self.gateway.is_some() {
            wrong("--gateway: sidecars have none", "leave it out, or attach to `ingress`");
        }
        if sidecar && self.selector.is_none() {
            wrong(
                "--selector: without labels, every sidecar of the namespace would have the keys",
                "name the application's, such as `--selector app=chat`",
            );
        }
        let usual_namespace = if sidecar { "default" } else { "istio-ingress" };
        let namespace = self.namespace.as_deref().unwrap_or(usual_namespace);
        let usual_host = || format!("spillway.{namespace}.svc.cluster.local");
        let mut hosts: Vec<String> =
            self.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        if sidecar && hosts.is_empty() {
            hosts.push(usual_host());
        }
        let is_of_service = |host: &String| {
            host.split_once('.').is_some_and(|(_, rest)| {
                rest.strip_prefix(namespace).is_some_and(|rest| rest.starts_with(".svc."))
            })
        };
        if sidecar && hosts.len() > 1 {
            wrong("--host: the applications behind sidecars ask for one Service", "name it once");
        }
        if sidecar && !hosts.iter().all(is_of_service) {
            wrong(
                "--host: an application behind a sidecar asks for a Service of its namespace",
                &format!("write its whole name, such as `{}`", usual_host()),
            );
        }
        problems.extend(super::no_name("namespace", namespace));
        if self.attach == Proxies::GatewayApi && self.deployment.is_some() {
            problems.push(Problem::new(
                "",
                "--deployment: that of a Gateway is istiod's",
                "leave it out: the patch is printed as the Gateway's parameters",
            ));
        }
        let deployment = self.deployment.as_deref();
        problems.extend(deployment.and_then(|name| super::no_dotted_name("deployment", name)));
        problems.extend(super::no_dotted_name("name", &self.name));
        problems.extend(super::no_dotted_name("secret", &self.secret));
        let module = Module::named(&self.wasm, self.wasm_sha256.as_deref());
        let module = module.map_err(|problem| problems.push(problem)).ok();
        let Some(module) = module.filter(|_| problems.is_empty()) else { return Err(problems) };

        let usual_labels = || vec![("istio".to_owned(), "ingressgateway".to_owned())];
        Ok(Options {
            place: Place {
                name: self.name.clone(),
                version: self.istio_version,
                namespace: namespace.to_owned(),
                selector: self.selector.clone().unwrap_or_else(usual_labels),
                attach: self.attach(),
                hosts,
                port: self.port,
                listener_ports: self.listener_ports(),
                path_prefix: path_prefix.to_owned(),
            },
            module,
            secret: self.secret.clone(),
            deployment: self.deployment.clone(),
            access_log: self.access_log.clone(),
            ca_bundle: self.ca_bundle.clone(),
        })
    }

    fn attach(&self) -> Attach {
        match (&self.gateway, self.attach) {
            (Some(gateway), Proxies::GatewayApi) => Attach::GatewayApi { gateway: gateway.clone() },
            (Some(gateway), _) => Attach::Ingress { gateway: gateway.clone() },
            (None, _) => Attach::Sidecar,
        }
    }

    /// Charts let a gateway's pods listen on the Service's own port, older ones on one above 1024.
    fn listener_ports(&self) -> Vec<u16> {
        match (self.listener_port.is_empty(), self.attach, self.port) {
            (false, ..) => self.listener_port.clone(),
            (true, Proxies::Ingress, 80) => vec![80, 8080],
            (true, Proxies::Ingress, 443) => vec![443, 8443],
            (true, _, port) => vec![port],
        }
    }

    fn print(
        &self,
        loaded: &Loaded,
        options: &Options,
        output: &mut Output<'_>,
    ) -> io::Result<Exit> {
        let version = options.place.version;
        let envoy = version.envoy();
        for note in version.abilities().notes() {
            writeln!(output.talk, "note: {note}")?;
        }
        let by_labels = self.attach == Proxies::Ingress && self.selector.is_none();
        if !(self.proxy_patch || self.values) && by_labels {
            writeln!(
                output.talk,
                "note: this is for proxies with the label `istio=ingressgateway`; Istio's gateway \
                 chart labels those of its release `istio-ingress` with `istio=ingress`: see \
                 `--selector`"
            )?;
        }
        writeln!(
            output.data,
            "# Rendered by `spillway render istio`, for Istio {} (Envoy {}.{}).",
            version, envoy.major, envoy.minor
        )?;
        let resources = if self.proxy_patch {
            vec![istio::proxy_patch(&loaded.config, options)]
        } else if self.values {
            vec![istio::chart_values(&loaded.config, options)]
        } else {
            istio::resources(&loaded.config, &loaded.value, options)
        };
        super::print(&resources, output)?;
        Ok(Exit::Ok)
    }
}
