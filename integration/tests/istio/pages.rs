//! The pages of `docs/attach` for clusters, walked through: their files are written, their commands
//! run, and what they say they print is what is printed.
//!
//! There is no cluster. `kubectl` is a stand-in that keeps what it is given; what was applied is then
//! laid over a proxy's configuration, or run as the Deployment says, on the real Envoy, with the keys
//! of the Secret that the page makes. The page's `curl` asks that Envoy. The companies' regions are
//! played by simulated ones.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use spillway_integration::{Gateway, eventually, find, region_with};
use spillway_simulator::Region;
use tempfile::TempDir;

use super::{merge, mesh, pod, proxy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_the_istio_ingress() {
    let walk = Walk::of("istio-ingress.md").await;
    walk.until("curl ");
    let [service, filter] = walk.applied().try_into().expect("two resources");
    let mut bootstrap = proxy::ingress(&service, 80, &walk.folder().join("mesh.log"));
    let extensions = merge::apply(&filter, "GATEWAY", "1.31.2", &mut bootstrap);
    let gateway = walk.in_proxy(&filter, extensions, bootstrap).await;
    walk.rest("curl ", &gateway);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_the_istio_sidecar() {
    let walk = Walk::of("istio-sidecar.md").await;
    walk.until("kubectl -n ai exec");
    let [service, filter] = walk.applied().try_into().expect("two resources");
    let mut bootstrap = proxy::sidecar(&service, &walk.folder().join("mesh.log"));
    let extensions = merge::apply(&filter, "SIDECAR_OUTBOUND", "1.31.2", &mut bootstrap);
    let gateway = walk.in_proxy(&filter, extensions, bootstrap).await;
    walk.rest("kubectl -n ai exec", &gateway);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_kubernetes() {
    let walk = Walk::of("kubernetes.md").await;
    walk.until("curl ");
    let applied = walk.applied();
    let of = |kind: &str| applied.iter().find(|it| it["kind"] == kind).expect(kind);
    let pod = &of("Deployment")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let listen = format!("0.0.0.0:{}", container["ports"][0]["containerPort"]);
    let arguments = texts(&container["args"]);
    assert_eq!(container["command"], json!(["spillway"]));
    assert!(arguments.contains(&listen));

    // The command takes these arguments: what it finds missing is the file of the pod.
    let tried = Command::new(find::command()).args(&arguments).output().expect("it runs");
    let said = String::from_utf8_lossy(&tried.stderr);
    assert!(said.starts_with("error: cannot read `/etc/spillway/spillway.yaml`"), "{said}");

    let config = of("ConfigMap")["data"]["spillway.yaml"].as_str().expect("the file");
    let namespace = of("Deployment")["metadata"]["namespace"].as_str().expect("a namespace");
    let gateway = Gateway::of(config.to_owned(), walk.environment(container, namespace));
    let gateway = gateway.start().await;
    walk.rest("curl ", &gateway);
    let logged =
        eventually("a line", async || Some(gateway.log_lines()).filter(|it| !it.is_empty()));
    let paths: Vec<Value> = logged.await.iter().map(|line| line["path"].clone()).collect();
    assert_eq!(paths, ["/openai/deployments/gpt-4o/chat/completions"], "probes are not logged");
}

/// A page on its way.
struct Walk {
    folder: TempDir,
    steps: Vec<Step>,
    _regions: [Region; 2],
}

/// A command, and what it prints.
struct Step {
    command: String,
    prints: String,
}

impl Walk {
    async fn of(page: &str) -> Self {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/attach").join(page);
        let mut text = fs::read_to_string(place).expect("the page");
        let play = async |name: &str| {
            let key = format!("replace-me-{name}");
            region_with(name, |config| config.api_key = Some(key)).await
        };
        let regions = [play("eastus").await, play("westus").await];
        for region in &regions {
            let company = format!("https://contoso-{}.openai.azure.com", region.name());
            assert!(text.contains(&company), "{page} does not name {company}");
            text = text.replace(&company, &region.url());
        }
        let folder = tempfile::tempdir().expect("a folder");
        stand_ins(folder.path());
        let steps = read(&text, folder.path());
        Self { folder, steps, _regions: regions }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything before the first command that starts so.
    fn until(&self, start: &str) {
        let steps = self.steps.iter().take_while(|step| !step.command.starts_with(start));
        assert!(steps.map(|step| self.take(step, 0)).count() > 3, "too few commands");
    }

    /// Everything from that command on: all that the page says to come of what it asks the gateway comes,
    /// and what changes or removes something finds it there.
    fn rest(&self, start: &str, gateway: &Gateway) {
        let steps = self.steps.iter().skip_while(|step| !step.command.starts_with(start));
        let taken = steps.map(|step| self.take(step, gateway.at.port()));
        assert!(taken.count() > 0, "the page asks nothing");
    }

    fn take(&self, step: &Step, port: u16) {
        let bin = self.folder().join("bin");
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("sh")
            .args(["-c", &step.command])
            .current_dir(self.folder())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("STANDS_IN", self.folder())
            .env("PORT", port.to_string())
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{said}", step.command);
        let printed = String::from_utf8_lossy(&output.stdout) + said;
        assert_eq!(printed.trim_end(), step.prints.trim_end(), "{}", step.command);
    }

    /// What `kubectl apply` was given.
    fn applied(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder().join("applied")).expect("something applied");
        serde_saphyr::from_multiple(&text).expect("YAML")
    }

    /// The proxy with the environment that the patch gives it, and the filter where it mounts it.
    async fn in_proxy(
        &self,
        filter: &Value,
        extensions: merge::Extensions,
        mut bootstrap: Value,
    ) -> Gateway {
        let patch = fs::read_to_string(self.folder().join("patched")).expect("a patch");
        let patch: Value = serde_saphyr::from_str(&patch).expect("YAML");
        let template = &patch["spec"]["template"];
        let container = &template["spec"]["containers"][0];
        let namespace = filter["metadata"]["namespace"].as_str().expect("a namespace");
        let named = patch["metadata"]["name"].as_str().expect("the Deployment's name");
        assert_eq!(patch["metadata"]["namespace"], namespace);
        assert!(
            self.called(&format!(
                "-n {namespace} patch deployment {named} --patch-file proxy.yaml"
            ))
        );
        let mounts = pod::mounts(template);
        let (volume, mounted) = mounts.get("spillway-wasm").expect("the filter's volume");
        let volume = &volume["configMap"];
        assert!(self.called(&format!(
            "-n {namespace} create configmap {} --from-file=dist/{}",
            volume["name"].as_str().expect("a name"),
            volume["items"][0]["key"].as_str().expect("a key"),
        )));
        let mounted = format!("{mounted}/{}", volume["items"][0]["path"].as_str().expect("a path"));
        let found = |(name, extension): (String, Value)| {
            let text = extension.to_string();
            assert!(text.contains(&mounted), "the filter is mounted elsewhere");
            let text = text.replace(&mounted, &find::filter().to_string_lossy());
            (name, serde_json::from_str(&text).expect("JSON"))
        };
        let extensions = extensions.into_iter().map(found).collect();
        mesh::serve(&extensions, &mut bootstrap, self.folder());
        let bootstrap = bootstrap.to_string();
        let environment = self.environment(container, namespace);
        let given = |text: &str, _: &Path| serde_json::from_str(text).expect("JSON");
        Gateway::of(bootstrap, environment).in_bootstrap(given).start().await
    }

    /// The container's environment, from the Secret that the page has made.
    fn environment(&self, container: &Value, namespace: &str) -> Vec<(String, String)> {
        let keys = fs::read_to_string(self.folder().join("keys.env")).expect("keys");
        let variables = container["env"].as_array().expect("an environment");
        let variable = |variable: &Value| {
            let from = &variable["valueFrom"]["secretKeyRef"];
            let secret = from["name"].as_str().expect("a Secret");
            let made =
                format!("-n {namespace} create secret generic {secret} --from-env-file=keys.env");
            assert!(self.called(&made), "nobody made the Secret {secret}");
            let entry = format!("{}=", from["key"].as_str().expect("a key"));
            let value = keys.lines().find_map(|line| line.strip_prefix(&entry)).expect("a key");
            (variable["name"].as_str().expect("a name").to_owned(), value.to_owned())
        };
        variables.iter().map(variable).collect()
    }

    fn called(&self, arguments: &str) -> bool {
        let calls = fs::read_to_string(self.folder().join("calls")).expect("calls");
        calls.lines().any(|call| call == arguments)
    }
}

/// Writes the page's files, each a block whose first line is its name, and reads its commands.
fn read(text: &str, folder: &Path) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (index, block) in text.split("```").enumerate() {
        let Some((kind, body)) = block.split_once('\n').filter(|_| index % 2 == 1) else {
            continue;
        };
        if kind != "console" {
            let name = body.lines().next().and_then(|line| line.strip_prefix("# "));
            fs::write(folder.join(name.expect("a file's name")), body).expect("a file");
            continue;
        }
        for line in body.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => {
                    steps.push(Step { command: command.to_owned(), prints: String::new() });
                }
                None => {
                    let prints = &mut steps.last_mut().expect("a command first").prints;
                    prints.push_str(line);
                    prints.push('\n');
                }
            }
        }
    }
    steps
}

/// `kubectl` keeps what it is given, `helm` wants values, and `curl` reaches the gateway whatever the host's name is.
fn stand_ins(folder: &Path) {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    fs::create_dir(folder.join("dist")).expect("a folder");
    let size = fs::metadata(find::filter()).expect("the filter").len();
    assert!(size < 1 << 20, "{size} bytes do not fit into a ConfigMap");
    symlink(find::filter(), folder.join("dist/spillway.wasm")).expect("a link");
    symlink(find::command(), bin.join("spillway")).expect("a link");
    let curl = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|place| place.join("curl"))
        .find(|curl| curl.is_file())
        .expect("curl on PATH");
    let curl = format!("exec {} --connect-to \"::127.0.0.1:$PORT\" \"$@\"", curl.display());
    let helm = r#"for last; do :; done; test -s "$last""#;
    for (name, script) in [("kubectl", KUBECTL), ("helm", helm), ("curl", &curl)] {
        let file = bin.join(name);
        fs::write(&file, format!("#!/bin/sh -e\n{script}\n")).expect("a script");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a script");
    }
}

/// A Secret or a ConfigMap that is made, changed or deleted is a file of its name. What is deleted by a file
/// was applied from it.
const KUBECTL: &str = r#"
echo "$*" >>"$STANDS_IN/calls"
for last; do :; done
own="$STANDS_IN/own"
mkdir -p "$own"
case "$*" in
    *" exec "*) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
    "apply -f -" | "replace -f -")
        read -r kind name
        case "$1" in replace) test -e "$own/$kind-$name" ;; esac
        : >"$own/$kind-$name" ;;
    "apply -f "*) cat "$last" >>"$STANDS_IN/applied"; cp "$last" "$own/applied-$last" ;;
    "delete -f "*) cmp "$last" "$own/applied-$last" ;;
    *" delete secret "* | *" delete configmap "*) rm "$own/$4-$last" ;;
    *" patch deployment "*) cp "$last" "$STANDS_IN/patched" ;;
    *" create secret "* | *" create configmap "*)
        for argument; do
            case "$argument" in --from-*) test -s "${argument#*=}" ;; esac
        done
        kind=$4; [ "$kind" != secret ] || shift
        case "$*" in *--dry-run=client*) echo "$kind $5" ;; *) : >"$own/$kind-$5" ;; esac ;;
    *" rollout "* | "create namespace "*) ;;
    *) echo "the stand-in does not know: $*" >&2; exit 1 ;;
esac
"#;

fn texts(value: &Value) -> Vec<String> {
    let texts = value.as_array().expect("a list").iter();
    texts.map(|text| text.as_str().expect("text").to_owned()).collect()
}
