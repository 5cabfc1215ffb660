//! The language of a file, by its name.
//!
//! A modest table, not a classifier: a suffix that several languages share (`.h`, `.m`, `.v`) goes to the one that most
//! projects mean. A name that the table does not know is [`Language::OTHER`].

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

/// A language, known by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Language(&'static str);

impl Language {
    /// Any file whose language is not known.
    pub const OTHER: Self = Self("Other");

    /// The language's usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// The language of that name; [`OTHER`](Self::OTHER) for one that the table does not know.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let by_name = NAMES.iter().map(|(_, language)| *language);
        let by_suffix = SUFFIXES.iter().map(|(language, _)| *language);
        by_name.chain(by_suffix).find(|known| *known == name).map_or(Self::OTHER, Self)
    }

    /// The language of a file: by its whole name, else by its suffix. Case does not count.
    ///
    /// ```
    /// use host_workload::directory::Language;
    /// use std::path::Path;
    /// assert_eq!(Language::of(Path::new("src/main.rs")).name(), "Rust");
    /// assert_eq!(Language::of(Path::new("docker/Dockerfile")).name(), "Dockerfile");
    /// assert_eq!(Language::of(Path::new("LICENSE")), Language::OTHER);
    /// ```
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Self::OTHER };
        let name = name.to_lowercase();
        let by_name = NAMES.iter().find(|(known, _)| *known == name).map(|(_, language)| *language);
        let by_suffix = || {
            let (_, suffix) = name.rsplit_once('.')?;
            SUFFIXES.iter().find(|(_, suffixes)| suffixes.contains(&suffix)).map(|(language, _)| *language)
        };
        by_name.or_else(by_suffix).map_or(Self::OTHER, Self)
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::named(&String::deserialize(from)?))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// Whole file names, in lower case.
const NAMES: &[(&str, &str)] = &[
    ("build", "Starlark"),
    ("cargo.lock", "TOML"),
    ("cmakelists.txt", "CMake"),
    ("containerfile", "Dockerfile"),
    ("dockerfile", "Dockerfile"),
    ("gemfile", "Ruby"),
    ("gnumakefile", "Make"),
    ("jenkinsfile", "Groovy"),
    ("justfile", "Just"),
    ("makefile", "Make"),
    ("poetry.lock", "TOML"),
    ("rakefile", "Ruby"),
    ("workspace", "Starlark"),
];

/// Suffixes, in lower case.
const SUFFIXES: &[(&str, &[&str])] = &[
    ("Ada", &["adb", "ads"]),
    ("AsciiDoc", &["adoc", "asciidoc"]),
    ("Assembly", &["asm", "s"]),
    ("Batch", &["bat", "cmd"]),
    ("C", &["c", "h"]),
    ("C#", &["cs", "csx"]),
    ("C++", &["cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "ipp"]),
    ("CMake", &["cmake"]),
    ("COBOL", &["cob", "cbl"]),
    ("CSS", &["css"]),
    ("CSV", &["csv", "tsv"]),
    ("CUDA", &["cu", "cuh"]),
    ("Clojure", &["clj", "cljs", "cljc", "edn"]),
    ("Common Lisp", &["lisp", "lsp"]),
    ("Crystal", &["cr"]),
    ("D", &["d"]),
    ("Dart", &["dart"]),
    ("Dockerfile", &["dockerfile"]),
    ("Elixir", &["ex", "exs"]),
    ("Elm", &["elm"]),
    ("Emacs Lisp", &["el"]),
    ("Erlang", &["erl", "hrl"]),
    ("F#", &["fs", "fsi", "fsx"]),
    ("Fish", &["fish"]),
    ("Fortran", &["f", "f90", "f95", "f03", "for"]),
    ("GLSL", &["glsl", "vert", "frag"]),
    ("Go", &["go"]),
    ("GraphQL", &["graphql", "gql"]),
    ("Groovy", &["groovy", "gradle"]),
    ("HTML", &["html", "htm", "xhtml"]),
    ("Haskell", &["hs", "lhs"]),
    ("INI", &["ini", "cfg", "conf", "properties"]),
    ("JSON", &["json", "json5", "jsonc", "jsonl"]),
    ("Java", &["java"]),
    ("JavaScript", &["js", "cjs", "mjs", "jsx"]),
    ("Julia", &["jl"]),
    ("Just", &["just"]),
    ("Kotlin", &["kt", "kts"]),
    ("LaTeX", &["tex", "sty", "cls", "bib"]),
    ("Less", &["less"]),
    ("Lua", &["lua"]),
    ("Make", &["mk", "mak"]),
    ("Markdown", &["md", "markdown", "mdx"]),
    ("Nim", &["nim"]),
    ("Nix", &["nix"]),
    ("OCaml", &["ml", "mli"]),
    ("Objective-C", &["m", "mm"]),
    ("PHP", &["php"]),
    ("Pascal", &["pas", "pp", "dpr"]),
    ("Perl", &["pl", "pm", "t"]),
    ("PowerShell", &["ps1", "psm1", "psd1"]),
    ("Protocol Buffers", &["proto"]),
    ("Python", &["py", "pyi", "pyw"]),
    ("R", &["r", "rmd"]),
    ("Racket", &["rkt"]),
    ("Ruby", &["rb", "gemspec", "erb"]),
    ("Rust", &["rs"]),
    ("SQL", &["sql"]),
    ("SVG", &["svg"]),
    ("Sass", &["scss", "sass"]),
    ("Scala", &["scala", "sc", "sbt"]),
    ("Scheme", &["scm", "ss"]),
    ("Shell", &["sh", "bash", "zsh", "ksh"]),
    ("Solidity", &["sol"]),
    ("Starlark", &["bzl", "star"]),
    ("Svelte", &["svelte"]),
    ("Swift", &["swift"]),
    ("TOML", &["toml"]),
    ("Tcl", &["tcl"]),
    ("Terraform", &["tf", "tfvars", "hcl"]),
    ("Text", &["txt", "text", "log"]),
    ("TypeScript", &["ts", "cts", "mts", "tsx"]),
    ("VHDL", &["vhd", "vhdl"]),
    ("Verilog", &["v", "sv", "svh"]),
    ("Vim Script", &["vim"]),
    ("Visual Basic", &["vb", "bas"]),
    ("Vue", &["vue"]),
    ("WIT", &["wit"]),
    ("WebAssembly Text", &["wat", "wast"]),
    ("XML", &["xml", "xsd", "xsl", "xslt", "plist"]),
    ("YAML", &["yaml", "yml"]),
    ("Zig", &["zig", "zon"]),
    ("reStructuredText", &["rst"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_before_suffix_and_whatever_the_case() {
        for (path, language) in [
            ("a/CMakeLists.txt", "CMake"),
            ("notes.TXT", "Text"),
            ("Makefile", "Make"),
            ("x.d.ts", "TypeScript"),
            (".bashrc", "Other"),
            ("no-suffix", "Other"),
            ("trailing.", "Other"),
            ("", "Other"),
        ] {
            assert_eq!(Language::of(Path::new(path)).name(), language, "{path}");
        }
    }

    #[test]
    fn the_table_gives_each_suffix_once_in_lower_case() {
        let mut suffixes: Vec<_> = SUFFIXES.iter().flat_map(|(_, suffixes)| *suffixes).collect();
        assert!(suffixes.iter().all(|suffix| **suffix == suffix.to_lowercase()));
        let count = suffixes.len();
        suffixes.sort();
        suffixes.dedup();
        assert_eq!(suffixes.len(), count);
        assert!(SUFFIXES.is_sorted_by_key(|(language, _)| *language));
    }
}
