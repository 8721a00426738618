//! Dockerfile, Compose file and Kubernetes manifests agree with each other and with the program.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Finished, Forwarder, LIMIT, Port, Tool, run};

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
        let ports = pod["containers"][0]["ports"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == "metrics").unwrap();
        let port = port["containerPort"].as_u64().unwrap();
        assert!(configured("traffic-forwarder.toml").contains(&format!("\":{port}\"")));
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
fn the_pods_metrics_are_where_the_annotations_say() {
    let (dir, listen, metrics) = (TempDir::new().unwrap(), Port::v4(), Port::v6());
    let socket = format!("unix:{}/admin.sock", dir.path().display());
    let text = configured("traffic-forwarder.toml")
        .replace(":9180", &metrics.addr().to_string())
        .replace(":18080", &listen.addr().to_string())
        .replace("db.internal:5432", "127.0.0.1:9");
    let text = text.replacen("[process]", &format!("[process]\nadmin = '{socket}'"), 1);
    let forwarder = Forwarder::binary(BINARY).config(text).start();
    forwarder.ready();
    let ask = |path: &str| -> Finished {
        let mut curl = Tool::find("curl").command();
        run(curl.arg("-sf").arg(format!("http://{}{path}", metrics.addr())), LIMIT)
    };
    let page = ask("/metrics").success().text();
    assert!(page.contains("traffic_forwarder_sessions_active{forward=\"db\"} 0"), "{page}");
    // curl's exit code for a status of 400 or above.
    assert_eq!(ask("/v1/status").status.code(), Some(22));
    let check = Forwarder::binary(BINARY).args(&CHECK[1..]).args(["--admin", &socket]);
    check.run().success();
}
