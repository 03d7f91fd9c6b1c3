//! `spillway render kubernetes`: a gateway of its own in a cluster.

use std::io;
use std::path::PathBuf;

use crate::cli::file::{Failure, Loaded};
use crate::cli::{Exit, Output};
use crate::kubernetes::{self, Entry, Options};
use crate::otlp::Flags;
use spillway::config::{Config, Problem, Secret};

/// A hardened Deployment of the gateway and what belongs around it, as YAML for `kubectl apply`
#[derive(Debug, clap::Args)]
pub(super) struct Kubernetes {
    /// The configuration, YAML or JSON
    pub(super) file: PathBuf,
    /// The image with Envoy, this command and the filter
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// The name of everything
    #[arg(long, default_value = "spillway")]
    name: String,
    /// Where it all goes
    #[arg(long, default_value = "default")]
    namespace: String,
    /// The Secret with the keys, each under the name of its variable or of its file
    #[arg(long, value_name = "NAME", default_value = "spillway-keys")]
    secret: String,
    /// The fewest pods; two survive the loss of one
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    min_replicas: u32,
    /// The most pods
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    max_replicas: u32,
    /// The Gateway that leads here, `NAME` or `NAMESPACE/NAME`: prints an HTTPRoute too
    #[arg(long, value_name = "GATEWAY", requires = "host")]
    gateway: Option<String>,
    /// The host that clients ask the Gateway for
    #[arg(long, value_name = "HOST", requires = "gateway")]
    host: Option<String>,
    #[command(flatten)]
    otlp: Flags,
}

impl Kubernetes {
    pub(super) fn run(&self, loaded: Loaded, output: &mut Output<'_>) -> io::Result<Exit> {
        let problems = self.problems();
        if !problems.is_empty() {
            return super::refuse(&problems, output);
        }
        let problems = kubernetes::problems(&loaded.config, &self.otlp);
        if problems.is_empty() {
            self.print(&loaded, output)
        } else {
            Failure::Wrong(problems, loaded.places).report(&self.file, output)
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.otlp.read(&|_| None).err().unwrap_or_default();
        let names =
            [("name", &self.name), ("namespace", &self.namespace), ("secret", &self.secret)];
        problems.extend(
            names.into_iter().filter_map(|(argument, name)| super::no_name(argument, name)),
        );
        if self.max_replicas < self.min_replicas {
            problems.push(Problem::new(
                "",
                format!("--max-replicas: fewer than the {} of `--min-replicas`", self.min_replicas),
                "give both, such as `--min-replicas 2 --max-replicas 10`",
            ));
        }
        problems
    }

    fn print(&self, loaded: &Loaded, output: &mut Output<'_>) -> io::Result<Exit> {
        let options = Options {
            image: self.image.clone(),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            secret: self.secret.clone(),
            min_replicas: self.min_replicas,
            max_replicas: self.max_replicas,
            entry: self
                .gateway
                .clone()
                .zip(self.host.clone())
                .map(|(gateway, host)| Entry { gateway, host }),
            otlp: self.otlp.clone(),
        };
        writeln!(output.data, "# Rendered by `spillway render kubernetes`.")?;
        let entries = entries(&loaded.config, &self.otlp);
        if !entries.is_empty() {
            writeln!(
                output.data,
                "# The Secret `{}` in `{}` must hold: {}",
                self.secret,
                self.namespace,
                entries.join(", ")
            )?;
        }
        let resources = kubernetes::resources(&loaded.config, &loaded.text, &options);
        super::print(&resources, output)?;
        Ok(Exit::Ok)
    }
}

/// What the Secret must hold: variables, and files by their names.
fn entries<'a>(config: &'a Config, otlp: &'a Flags) -> Vec<&'a str> {
    let mut entries: Vec<&str> =
        config.secrets().into_iter().map(|(_, secret)| entry(secret)).collect();
    entries.extend(otlp.variables());
    entries.sort_unstable();
    entries.dedup();
    entries
}

fn entry(secret: &Secret) -> &str {
    match secret {
        Secret::Env(variable) => variable,
        Secret::File(file) => file.rsplit('/').next().unwrap_or(file),
    }
}
