//! Reads what `cargo build --message-format json` prints: one JSON object a line.

use crate::Artifact;
use serde_json::Value;
use std::path::Path;

/// The components that were built (or were fresh), by name.
pub(crate) fn artifacts(stdout: &str) -> Vec<Artifact> {
    let mut artifacts: Vec<Artifact> = objects(stdout)
        .filter(|message| reason(message) == "compiler-artifact")
        .flat_map(|message| {
            let name =
                message.pointer("/target/name").and_then(Value::as_str).unwrap_or_default().replace('_', "-");
            let files = message.get("filenames").and_then(Value::as_array).cloned().unwrap_or_default();
            files
                .into_iter()
                .filter_map(|file| file.as_str().map(Path::new).map(Path::to_path_buf))
                .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
                .map(move |path| Artifact { name: name.clone(), path })
        })
        .collect();
    artifacts.sort();
    artifacts
}

/// What to show of a build that failed: the compiler's errors as it would have printed them,
/// without the warnings and the progress around them; where it made none, all that cargo said.
pub(crate) fn failure(stdout: &str, stderr: &str) -> String {
    let rendered: Vec<String> = objects(stdout)
        .filter(|message| reason(message) == "compiler-message")
        .filter(|message| message.pointer("/message/level").and_then(Value::as_str) == Some("error"))
        .filter_map(|message| message.pointer("/message/rendered").and_then(Value::as_str).map(str::to_owned))
        .collect();
    let said = if rendered.is_empty() { stderr.to_owned() } else { rendered.concat() };
    said.trim_end().to_owned()
}

/// A line that is not JSON comes from a build script or a macro, and does not matter.
fn objects(stdout: &str) -> impl Iterator<Item = Value> {
    stdout.lines().filter_map(|line| serde_json::from_str(line).ok())
}

fn reason(message: &Value) -> &str {
    message.get("reason").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_named_as_a_person_would() {
        let stdout = r#"{"reason":"compiler-artifact","target":{"name":"strategy_sdk"},"filenames":["/t/libstrategy_sdk.rlib"]}
not json
{"reason":"compiler-artifact","target":{"name":"cache_policy"},"filenames":["/t/cache_policy.wasm"]}
{"reason":"build-finished","success":true}"#;
        let found = artifacts(stdout);
        assert_eq!(
            found,
            [Artifact { name: "cache-policy".to_owned(), path: "/t/cache_policy.wasm".into() }]
        );
    }

    #[test]
    fn only_errors_are_shown_of_a_compilation_that_failed() {
        let stdout = r#"{"reason":"compiler-message","message":{"level":"warning","rendered":"warning: unused\n"}}
{"reason":"compiler-message","message":{"level":"error","rendered":"error[E0425]: cannot find value `x`\n"}}"#;
        assert_eq!(failure(stdout, "   Compiling x\n"), "error[E0425]: cannot find value `x`");
    }

    #[test]
    fn cargo_itself_is_heard_where_nothing_was_compiled() {
        assert_eq!(failure("", "error: no lock file\n"), "error: no lock file");
    }
}
