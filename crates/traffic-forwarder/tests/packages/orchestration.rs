//! Dockerfile, Compose file and Kubernetes manifests agree with each other and with the program.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Finished, Forwarder, LIMIT, Port, Tool, is_listening, run, wait_until};

use crate::made::{BINARY, root};

/// User id of the container's process.
const USER: u64 = 65532;
const CHECK: [&str; 3] = ["/usr/bin/traffic-forwarder", "status", "--check"];

/// YAML documents of a file, as JSON.
fn documents(name: &str) -> Vec<Value> {
    let path = root().join("examples").join(name);
    let json = Tool::find("yq").run(["-c", ".", path.to_str().unwrap()], LIMIT).text();
    json.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind(documents: &[Value], kind: &str) -> Value {
    let found = documents.iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}")).clone()
}

/// The Dockerfile with continued lines joined.
fn dockerfile() -> String {
    fs::read_to_string(root().join("Dockerfile")).unwrap().replace("\\\n", " ")
}

#[test]
fn the_image_runs_unprivileged_with_a_health_check() {
    let text = dockerfile();
    let last = text.rfind("FROM ").unwrap();
    let image = &text[last..];
    assert!(image.starts_with("FROM scratch\n"), "{image}");
    assert!(image.contains(&format!("\nUSER {USER}:{USER}\n")), "{image}");
    let check = CHECK.map(|word| format!("\"{word}\"")).join(", ");
    assert!(image.contains(&format!("CMD [{check}]")), "{image}");
}

#[test]
fn compose_and_make_run_it_alike() {
    let compose = documents("docker/compose.yml").remove(0);
    let service = &compose["services"]["traffic-forwarder"];
    let script = fs::read_to_string(root().join("scripts/docker.sh")).unwrap();
    assert_eq!(service["read_only"], true);
    assert!(script.contains("--read-only"));
    assert_eq!(service["cap_drop"][0], "ALL");
    assert!(script.contains("--cap-drop ALL"));
    assert_eq!(service["network_mode"], "host");
    assert!(script.contains("--network host"));
    let tmpfs = service["tmpfs"][0].as_str().unwrap();
    assert!(tmpfs.contains(&format!("uid={USER},")), "{tmpfs}");
    assert!(script.contains(&format!("--tmpfs {tmpfs}")), "{tmpfs}");
}

#[test]
fn each_pod_is_locked_down_probed_and_scraped() {
    let configuration = documents("kubernetes/configuration.yml");
    let maps: Vec<_> = configuration.iter().map(|map| map["metadata"]["name"].clone()).collect();
    for (file, kind) in [("daemonset", "DaemonSet"), ("deployment", "Deployment")] {
        let manifest = of_kind(&documents(&format!("kubernetes/{file}.yml")), kind);
        let (spec, template) = (&manifest["spec"], &manifest["spec"]["template"]);
        assert_eq!(spec["selector"]["matchLabels"], template["metadata"]["labels"]);
        let pod = &template["spec"];
        assert_eq!(pod["hostNetwork"] == true, kind == "DaemonSet");
        assert_eq!(pod["securityContext"]["runAsUser"], USER);
        for container in pod["containers"].as_array().unwrap() {
            let security = &container["securityContext"];
            assert_eq!(security["readOnlyRootFilesystem"], true);
            assert_eq!(security["allowPrivilegeEscalation"], false);
            assert_eq!(security["capabilities"]["drop"][0], "ALL");
            for mount in container["volumeMounts"].as_array().unwrap() {
                let volumes = pod["volumes"].as_array().unwrap();
                assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{mount}");
            }
        }
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            assert_eq!(pod["containers"][0][probe]["exec"]["command"], Value::from(&CHECK[..]));
        }
        for volume in pod["volumes"].as_array().unwrap() {
            let map = &volume["configMap"]["name"];
            assert!(map.is_null() || maps.contains(map), "{volume}");
        }
        let port = pod["containers"][1]["ports"][0]["containerPort"].as_u64().unwrap();
        let annotations = &template["metadata"]["annotations"];
        assert_eq!(annotations["prometheus.io/scrape"], "true");
        assert_eq!(annotations["prometheus.io/port"], port.to_string());
        assert_eq!(annotations["prometheus.io/path"], "/metrics");
    }
}

/// Value of a key in the example's ConfigMaps.
fn configured(key: &str) -> String {
    let maps = documents("kubernetes/configuration.yml");
    let text = maps.iter().find_map(|map| map["data"][key].as_str());
    text.unwrap_or_else(|| panic!("no {key}")).to_owned()
}

#[test]
fn the_pods_configuration_is_valid() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("traffic-forwarder.toml");
    fs::write(&file, configured("traffic-forwarder.toml")).unwrap();
    Forwarder::binary(BINARY).arg("check").arg("-c").arg(file).run().success();
}

#[test]
fn the_sidecar_serves_the_metrics_only() {
    let (dir, port, unused) = (TempDir::new().unwrap(), Port::v4(), Port::v4());
    let directory = dir.path().to_str().unwrap();
    let socket = format!("{directory}/admin.sock");
    let config = format!(
        "process.admin = 'unix:{socket}'\n[[forward]]\nlisten = '{}'\nto = '127.0.0.1:9'\n",
        unused.addr()
    );
    let forwarder = Forwarder::binary(BINARY).config(config).start();
    forwarder.ready();
    let text = configured("nginx.conf").replace("/tmp/", &format!("{directory}/"));
    let text = text.replace("/run/traffic-forwarder/admin.sock", &socket);
    fs::write(dir.path().join("nginx.conf"), text.replace("9180", &port.addr().to_string()))
        .unwrap();
    let sidecar = Forwarder::binary(Tool::find("nginx").path())
        .args(["-c", &format!("{directory}/nginx.conf"), "-g", "daemon off; master_process off;"])
        .start();
    wait_until("the sidecar listens", LIMIT, || is_listening(port.addr()));
    let ask = |arguments: &[&str], path: &str| -> Finished {
        let mut curl = Tool::find("curl").command();
        curl.arg("-sf").args(arguments).arg(format!("http://{}{path}", port.addr()));
        run(&mut curl, LIMIT)
    };
    let metrics = ask(&[], "/metrics").success().text();
    assert!(metrics.contains("traffic_forwarder_sessions_active"), "{metrics}");
    // curl's exit code for a status of 400 or above.
    for refused in [ask(&[], "/v1/status"), ask(&["-X", "POST"], "/metrics"), ask(&[], "/healthz")]
    {
        assert_eq!(refused.status.code(), Some(22), "{refused}");
    }
    drop(sidecar);
}
