//! The files of a project, from the templates.

use std::path::Path;

use super::{Kind, Lang, Local, Project, VERSION};

/// One file.
pub(super) struct File {
    /// Within the folder.
    pub(super) path: &'static str,
    pub(super) text: String,
    pub(super) executable: bool,
}

/// Names that cargo refuses, or that would hide what the project depends on.
pub(super) const TAKEN_BY_CARGO: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "host-policy",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "policy-sdk",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "strategy-sdk",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "wit-bindgen",
    "yield",
];

/// A file of the contract.
macro_rules! wit {
    ($($name:literal),+ $(,)?) => {
        [$((concat!("wit/", $name), include_str!(concat!("../../../../wit/", $name)))),+]
    };
}

/// The contract.
const WIT: &[(&str, &str)] = &wit![
    "accesses.wit",
    "cache-control.wit",
    "dials.wit",
    "eviction.wit",
    "executor-control.wit",
    "handover.wit",
    "log.wit",
    "metrics.wit",
    "prefetch-control.wit",
    "run.wit",
    "settings.wit",
    "shadow-control.wit",
    "state.wit",
    "tier-control.wit",
    "types.wit",
    "world.wit",
];

/// A template.
macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../templates/", $name))
    };
}

impl Project {
    /// The files, with everything filled in. Rust takes crates that are on no registry from where they are.
    pub(super) fn files(&self, local: &[Local]) -> Vec<File> {
        let (source, readme) = self.sources();
        let fill = |text: &str| self.fill(text, local);
        let plain = |path, text: &str| File { path, text: fill(text), executable: false };
        let mut files = vec![plain("README.md", readme)];
        let build = |text: &str| File { path: "build", text: fill(text), executable: true };
        match self.lang {
            Lang::Rust => {
                files.push(plain("Cargo.toml", template!("rust/Cargo.toml.in")));
                files.push(plain("src/lib.rs", source));
                files.push(plain(".gitignore", "/target\n"));
            }
            Lang::C => {
                files.push(build(template!("c/build.in")));
                files.push(plain("plugin.c", source));
                files.push(plain(".gitignore", "/generated\n*.wasm\n"));
            }
            Lang::Js => {
                files.push(build(template!("js/build.in")));
                files.push(plain("plugin.js", source));
                files.push(plain(".gitignore", "/node_modules\n*.wasm\n"));
            }
            Lang::Python => {
                files.push(build(template!("python/build.in")));
                files.push(plain("plugin.py", source));
                files.push(plain(".gitignore", "__pycache__\n*.wasm\n"));
            }
        }
        if self.kind == Kind::Strategy {
            files.push(plain("profile.toml", template!("strategy.toml.in")));
        }
        if self.lang != Lang::Rust {
            let copies =
                WIT.iter().map(|(path, text)| File { path, text: (*text).to_owned(), executable: false });
            files.extend(copies);
        }
        files
    }

    /// The source and the README.
    fn sources(&self) -> (&'static str, &'static str) {
        match (self.lang, self.kind) {
            (Lang::Rust, Kind::Strategy) => (template!("rust/strategy.rs"), template!("rust/README.md.in")),
            (Lang::Rust, Kind::Eviction) => (template!("rust/eviction.rs"), template!("rust/README.md.in")),
            (Lang::C, Kind::Strategy) => (template!("c/strategy.c"), template!("c/README.md.in")),
            (Lang::C, Kind::Eviction) => (template!("c/eviction.c"), template!("c/README.md.in")),
            (Lang::Js, Kind::Strategy) => (template!("js/strategy.js"), template!("js/README.md.in")),
            (Lang::Js, Kind::Eviction) => (template!("js/eviction.js"), template!("js/README.md.in")),
            (Lang::Python, Kind::Strategy) => {
                (template!("python/strategy.py"), template!("python/README.md.in"))
            }
            (Lang::Python, Kind::Eviction) => {
                (template!("python/eviction.py"), template!("python/README.md.in"))
            }
        }
    }

    fn fill(&self, text: &str, local: &[Local]) -> String {
        let (world, what, profile, further) = match self.kind {
            Kind::Strategy => (
                "cache-strategy",
                "A strategy",
                "--profile profile.toml ",
                "`profile.toml` grants what it imports, and says how to run it. `host plugin dials` and `gauges` list what it \
                 can turn and read.",
            ),
            Kind::Eviction => {
                ("eviction", "An eviction policy", "", "`host plugin bench` measures what it costs.")
            }
        };
        let patch = |(name, folder): &Local| format!("{name} = {{ path = {} }}\n", quoted(folder));
        let patches: String = local.iter().map(patch).collect();
        let grants: Vec<String> = self.grants().iter().map(|grant| format!("\"{grant}\"")).collect();
        text.replace("{{name}}", &self.name)
            .replace("{{module}}", &self.name.replace('-', "_"))
            .replace("{{world}}", world)
            .replace("{{c_world}}", &world.replace('-', "_"))
            .replace("{{what}}", what)
            .replace("{{profile}}", profile)
            .replace("{{further}}", further)
            .replace("{{crate}}", self.sdk_crate())
            .replace("{{version}}", VERSION)
            .replace("{{grants}}", &grants.join(", "))
            .replace("{{patches}}", &patches)
    }
}

/// A path as a string of TOML, whose escapes are those of JSON.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_for_toml() {
        assert_eq!(quoted(Path::new("/a b/\"c\"\\d")), r#""/a b/\"c\"\\d""#);
    }
}
