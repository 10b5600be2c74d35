//! Backstage's catalog-info.yaml, read from a folder as it is from a checkout.
#![no_main]

use std::fs;

use hearback_catalog::{Checkout, load};
use hearback_core::catalog::problems;
use hearback_fuzz::{check_round_trip, check_sentence};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog-info.yaml");
    fs::write(&file, bytes).unwrap();
    let checkout = Checkout { name: "shop".to_owned(), folder: folder.path().to_owned() };
    let read = load(folder.path(), &[file], &[checkout]);
    for problem in &read.problems {
        check_sentence(&problem.says);
    }
    for layer in &read.layers {
        assert_eq!(layer.from, "catalog-info.yaml");
        assert!(!layer.catalog.services.is_empty());
        layer.catalog.services.iter().for_each(check_round_trip);
        for problem in problems(&layer.catalog) {
            check_sentence(&problem.says);
        }
    }
});
