//! Prints the public API that a rustdoc JSON file describes, one item a line.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args_os().nth(1).map(PathBuf::from).ok_or("the path of a rustdoc JSON file is missing")?;
    // Without the auto traits and blanket implementations that every type has. The implementations that a derive made stay:
    // a `Clone` that goes away is missed by somebody.
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    print!("{api}");
    Ok(())
}
