use super::*;
use crate::load::Scenario;
use crate::load::pace::{Outcome, Sample};
use crate::load::site::Band;
use roxmltree::{Document, Node};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn drawn(samples: &[Sample], subtitle: &str) -> String {
    let scenario: Scenario = "flapping".parse().unwrap();
    let phases = scenario.phases().unwrap();
    let bands = [(0, State::Closed), (3100, State::Open), (4100, State::HalfOpen), (9100, State::Closed)]
        .map(|(from, state)| Band { from: ms(from), state });
    let run = |layer| Run { layer, samples: samples.to_vec(), bands: bands.to_vec(), reached_while_sick: 42 };
    let (with, without) = (run(true), run(false));
    let (a, b) = (Summary::of(&with, &phases), Summary::of(&without, &phases));
    plot(&Data { subtitle, total: scenario.total(), phases: &phases, panels: [(&with, &a), (&without, &b)] })
}

fn samples() -> Vec<Sample> {
    let outcome = |place: u64| match place {
        0..300 => Outcome::Added,
        300..330 => Outcome::Status(503),
        330..600 => Outcome::Refused,
        _ => Outcome::Added,
    };
    (0..1500).map(|n| Sample { intended: ms(10 * n), answered: ms(10 * n + 2), outcome: outcome(n) }).collect()
}

fn of_class<'d>(document: &'d Document<'_>, class: &str) -> Vec<Node<'d, 'd>> {
    let has = |node: &Node<'_, '_>| node.attribute("class").is_some_and(|own| own.split(' ').any(|own| own == class));
    document.descendants().filter(has).collect()
}

#[test]
fn the_picture_is_well_formed_and_shows_both_runs() {
    let svg = drawn(&samples(), "a <scenario> & \"more\"\u{1b}");
    let document = Document::parse(&svg).unwrap();
    assert_eq!(document.root_element().tag_name().name(), "svg");
    let texts: Vec<_> =
        document.descendants().filter(|node| node.has_tag_name("text")).filter_map(|n| n.text()).collect();
    for text in
        ["With the breaker", "Without it", "answers per second", "seconds since the start", "half-open", "closed"]
    {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
    assert!(texts.contains(&"a <scenario> & \"more\" "));
    for class in ["added", "refused", "failed"] {
        let paths = of_class(&document, class).into_iter().filter(|node| node.has_tag_name("path")).count();
        assert_eq!(paths, 2, "{class}");
    }
    // Two of two seconds each, in both panels, and one in the legend.
    assert_eq!(of_class(&document, "sick").len(), 5);
    assert_eq!(of_class(&document, "off").len(), 1);
}

#[test]
fn nothing_is_drawn_outside_the_picture() {
    let svg = drawn(&samples(), "");
    let document = Document::parse(&svg).unwrap();
    for node in document.descendants().filter(|node| node.has_tag_name("rect")) {
        let number = |name| node.attribute(name).unwrap().parse::<f64>().unwrap();
        assert!(number("x") >= 0.0 && number("x") + number("width") <= WIDTH, "{node:?}");
        assert!(number("y") >= 0.0 && number("y") + number("height") <= HEIGHT, "{node:?}");
        assert!(number("width") >= 0.0 && number("height") >= 0.0);
    }
}

#[test]
fn a_run_without_answers_is_a_picture_too() {
    let svg = drawn(&[], "");
    Document::parse(&svg).unwrap();
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn axes_have_numbers_that_people_like() {
    for (value, liked) in [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (23.0, 25.0), (26.0, 50.0), (0.013, 0.02), (99.0, 100.0)]
    {
        assert!((nice(value) - liked).abs() < 1e-9, "{value}: {}", nice(value));
    }
    assert_eq!(bucket_width(Duration::from_secs(15)), ms(250));
    assert_eq!(bucket_width(ms(2000)), ms(50));
    assert_eq!(bucket_width(Duration::from_secs(24 * 3600)), Duration::from_secs(1800));
}
