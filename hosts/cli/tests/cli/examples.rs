//! The configurations in `examples/` are accepted without a warning. `tests/envoy/examples.rs` runs them.

use crate::run::Place;
use crate::support::at_root;

#[test]
fn every_configuration_of_the_examples_is_accepted_without_a_warning() {
    // The page is examples/README.md: its command checks one of them.
    let mut checked = 0;
    for entry in std::fs::read_dir(at_root("examples")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".yaml") || !text.contains("\nissuers:") {
            continue;
        }
        // The one about shadow mode is warned of that mode alone.
        let enforced = text.replacen("      mode: shadow", "      mode: enforce", 1);
        assert_eq!(enforced != text, name == "shadow-rollout.yaml", "{name}");
        let ran = Place::new("examples").file(name, &enforced).run(&format!("check --strict --quiet {name}"));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}: {}", ran.out);
        checked += 1;
    }
    assert_eq!(checked, 3);
}
