//! Finds modules that import one another in a circle.
//!
//! The modules below one parent form a graph: one leads to another if anything in it names anything
//! in the other. A name that a module only passes on counts as a name of the module that declares
//! it. A parent and its children may name each other: they are one thing in several files. Code for
//! tests is not looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Source, after, expand};

/// A module by its path from the root of the crate.
type Module = Vec<String>;

/// Names are followed this deep into the braces of a `use`.
const DEEPEST: usize = 9;

/// The circles in the product and in each of the crates, each as the modules on it.
pub(crate) fn circles(files: &[Source]) -> Vec<String> {
    let roots: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| root_of(&file.path))
        .collect();
    roots
        .into_iter()
        .flat_map(|root| circles_below(files, root))
        .collect()
}

/// The folder of sources in which a file lies: `src/`, or that of a crate.
fn root_of(path: &str) -> Option<&str> {
    let inside_crates = path.starts_with("crates/");
    let end = path.find("src/").filter(|at| *at == 0 || inside_crates)?;
    Some(&path[..end + "src/".len()])
}

fn circles_below(files: &[Source], root: &str) -> BTreeSet<String> {
    let modules = modules(files, root);
    let graph = graph(&modules);
    let mut found = BTreeSet::new();
    for start in graph.keys() {
        let mut circle: Vec<_> = graph
            .keys()
            .filter(|other| reaches(&graph, start, other) && reaches(&graph, other, start))
            .map(|module| module.join("::"))
            .collect();
        circle.sort();
        if !circle.is_empty() {
            found.insert(circle.join(", "));
        }
    }
    found
}

/// The modules below `root` with their code, without those for tests.
fn modules(files: &[Source], root: &str) -> BTreeMap<Module, String> {
    let mut modules = BTreeMap::new();
    let mut tests = BTreeSet::new();
    for file in files {
        let Some(path) = file.path.strip_prefix(root) else {
            continue;
        };
        if path == "lib.rs" {
            tests.extend(test_modules(&file.code).into_iter().map(|name| vec![name]));
            continue;
        }
        let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let module: Module = path.split('/').map(str::to_owned).collect();
        for name in test_modules(&file.code) {
            tests.insert([&*module, &[name]].concat());
        }
        let code = file.code.trim_end_matches(file.tests());
        modules.insert(module, code.to_owned());
    }
    let is_test =
        |module: &Module| (1..=module.len()).any(|length| tests.contains(&module[..length]));
    modules.retain(|module, _| !is_test(module));
    modules
}

/// The modules that a file declares for tests.
fn test_modules(code: &str) -> Vec<String> {
    let marked = code.split("#[cfg(test)]").skip(1);
    let declared = marked.filter_map(|rest| {
        let line = rest.trim_start().lines().next()?;
        let (_, name) = line.split_once("mod ")?;
        name.strip_suffix(';').map(str::to_owned)
    });
    declared.collect()
}

/// The edges between modules with the same parent.
fn graph(modules: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let passed_on: BTreeMap<_, _> = modules
        .iter()
        .map(|(module, code)| (module.clone(), names_passed_on(module, code)))
        .collect();
    let mut graph = BTreeMap::<Module, BTreeSet<Module>>::new();
    for (module, code) in modules {
        for path in named(module, code) {
            let Some(target) = declared_in(&path, modules, &passed_on) else {
                continue;
            };
            let same = module
                .iter()
                .zip(&target)
                .take_while(|(one, other)| one == other)
                .count();
            if same < module.len() && same < target.len() {
                let (from, to) = (&module[..=same], &target[..=same]);
                graph.entry(from.to_vec()).or_default().insert(to.to_vec());
            }
        }
    }
    graph
}

/// All paths that begin with `crate`, `super` or `self`, from the root of the crate.
fn named(module: &Module, code: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    let mut add = |base: &[String], tree: &str| {
        for path in expand(tree, DEEPEST) {
            let rest = path.split("::").map(str::to_owned);
            paths.push(base.iter().cloned().chain(rest).collect());
        }
    };
    after(code, "crate::").for_each(|tree| add(&[], tree));
    after(code, "self::").for_each(|tree| add(module, tree));
    for mut tree in after(code, "super::") {
        let mut climbed = 1;
        while let Some(rest) = tree.strip_prefix("super::") {
            (tree, climbed) = (rest, climbed + 1);
        }
        add(&module[..module.len().saturating_sub(climbed)], tree);
    }
    paths
}

/// The names that a module takes from others with `use`, by which those who name the module may
/// mean them.
fn names_passed_on(module: &Module, code: &str) -> BTreeMap<String, Module> {
    let mut names = BTreeMap::new();
    for tree in after(code, "use ") {
        let relative = !["crate::", "super::", "self::"]
            .iter()
            .any(|root| tree.starts_with(root));
        let paths = if relative {
            let below = expand(tree, DEEPEST).into_iter();
            below
                .map(|path| {
                    let rest = path.split("::").map(str::to_owned);
                    module.iter().cloned().chain(rest).collect()
                })
                .collect()
        } else {
            let end = tree.find(';').unwrap_or(tree.len());
            named(module, &tree[..end])
        };
        for path in paths {
            if let Some(name) = path.last() {
                names.insert(name.clone(), path.clone());
            }
        }
    }
    names
}

/// The module that declares what a path names; `None`: it is not of this crate.
fn declared_in(
    path: &Module,
    modules: &BTreeMap<Module, String>,
    passed_on: &BTreeMap<Module, BTreeMap<String, Module>>,
) -> Option<Module> {
    let mut path = path.clone();
    let mut seen = BTreeSet::new();
    loop {
        let length = (1..=path.len())
            .rev()
            .find(|length| modules.contains_key(&path[..*length]))?;
        let module = path[..length].to_vec();
        let next = path
            .get(length)
            .and_then(|name| passed_on[&module].get(name));
        match next {
            Some(next) if seen.insert(next.clone()) && *next != path => path.clone_from(next),
            _ => return Some(module),
        }
    }
}

/// Returns whether one or more steps lead from a module to another.
fn reaches(graph: &BTreeMap<Module, BTreeSet<Module>>, from: &Module, to: &Module) -> bool {
    let mut seen = BTreeSet::new();
    let mut left: Vec<_> = graph.get(from).into_iter().flatten().collect();
    while let Some(module) = left.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            left.extend(graph.get(module).into_iter().flatten());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| Source::new(path, text))
            .collect();
        circles(&files)
    }

    #[test]
    fn modules_that_name_each_other_are_a_circle() {
        let two = [
            ("src/a/one.rs", "use super::two::Two;"),
            ("src/a/two.rs", "fn f() { crate::a::one::g() }"),
        ];
        assert_eq!(found(&two), ["a::one, a::two"]);
        let three = [
            ("src/a.rs", "use b::B;"),
            ("src/a/x.rs", "use crate::{c::C, d};"),
            ("src/c.rs", "use super::d::D;"),
            ("src/d/mod.rs", "use crate::a::{x::X, Y};"),
        ];
        assert_eq!(found(&three), ["a, c, d"]);
    }

    #[test]
    fn crates_are_looked_at_one_by_one() {
        let one = ("crates/one/src/a.rs", "use super::b::B;");
        let back = "use crate::a::A;";
        assert_eq!(found(&[one, ("crates/one/src/b.rs", back)]), ["a, b"]);
        assert!(found(&[one, ("crates/other/src/b.rs", back)]).is_empty());
        let test = ("crates/one/src/lib.rs", "#[cfg(test)]\nmod b;");
        assert!(found(&[one, test, ("crates/one/src/b.rs", back)]).is_empty());
    }

    #[test]
    fn a_name_that_is_passed_on_belongs_to_the_module_that_declares_it() {
        let by_parent = [
            (
                "src/a.rs",
                "mod one;\nmod two;\npub use two::Two;\npub use self::one::{One};",
            ),
            ("src/a/one.rs", "use super::Two;"),
            ("src/a/two.rs", "use crate::a::One;"),
        ];
        assert_eq!(found(&by_parent), ["a::one, a::two"]);
    }

    #[test]
    fn parents_children_and_tests_are_no_circle() {
        let parent = [
            (
                "src/a.rs",
                "mod one;\n#[cfg(test)]\nmod tests;\npub use one::One;\nuse crate::b::B;",
            ),
            ("src/a/one.rs", "use super::Two;"),
            ("src/a/tests.rs", "use crate::c::C;"),
            (
                "src/b.rs",
                "// crate::a\n#[cfg(test)]\nmod tests { use crate::a::One; }",
            ),
            ("src/c.rs", "use crate::a::One;"),
        ];
        assert!(found(&parent).is_empty(), "{:?}", found(&parent));
    }
}
