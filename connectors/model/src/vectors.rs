//! What a server sent as vectors, made into vectors: as many as were asked for, in order, of one length, each number a
//! number. It must not know where they came from.

use async_openai::types::embeddings::Embedding;

/// Why a reply is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("sent {got} vectors for {asked} texts")]
    Count { asked: usize, got: usize },
    #[error("sent vectors whose numbers do not say which text each is for")]
    Order,
    #[error("sent a vector of {got} numbers where {expected} were expected")]
    Dimension { expected: usize, got: usize },
    #[error("sent a vector that has no direction: all zero, or a number that is none")]
    NoDirection,
}

/// The vectors of `asked` texts in the order of their `index`, each to length 1. If `dimension` is none, all have to be as
/// long as the first.
///
/// # Errors
/// [`Unfit`], at the first thing that is not as it should be.
pub(crate) fn in_order(
    rows: Vec<Embedding>,
    asked: usize,
    dimension: Option<usize>,
) -> Result<Vec<Vec<f32>>, Unfit> {
    if rows.len() != asked {
        return Err(Unfit::Count { asked, got: rows.len() });
    }
    let expected = dimension.or_else(|| rows.first().map(|row| row.embedding.len())).unwrap_or_default();
    let mut vectors = vec![None; asked];
    for row in rows {
        let got = row.embedding.len();
        if got != expected || got == 0 {
            return Err(Unfit::Dimension { expected, got });
        }
        let place = usize::try_from(row.index).ok().and_then(|index| vectors.get_mut(index));
        match place {
            Some(place @ None) => *place = Some(to_length_one(row.embedding)?),
            _ => return Err(Unfit::Order),
        }
    }
    vectors.into_iter().collect::<Option<_>>().ok_or(Unfit::Order)
}

/// `vector` to length 1.
///
/// # Errors
/// [`Unfit::NoDirection`] if it has none.
fn to_length_one(mut vector: Vec<f32>) -> Result<Vec<f32>, Unfit> {
    // In 64 bits: the square of a large number would be infinite in 32.
    let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if !length.is_finite() || length <= 0.0 {
        return Err(Unfit::NoDirection);
    }
    for x in &mut vector {
        *x = (f64::from(*x) / length) as f32;
    }
    Ok(vector)
}

/// Whether `vector` could have come from an embedder of this dimension: what a file says is not believed unseen.
pub(crate) fn is_sound(vector: &[f32], dimension: usize) -> bool {
    let square = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    vector.len() == dimension && (square - 1.0).abs() < 1e-3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(index: u32, embedding: &[f32]) -> Embedding {
        Embedding { index, object: "embedding".into(), embedding: embedding.to_vec() }
    }

    #[test]
    fn rows_come_back_in_the_order_of_the_texts() {
        let rows = vec![row(2, &[0.0, 2.0]), row(0, &[3.0, 4.0]), row(1, &[-1.0, 0.0])];
        let expect = vec![vec![0.6, 0.8], vec![-1.0, 0.0], vec![0.0, 1.0]];
        assert_eq!(in_order(rows, 3, Some(2)), Ok(expect));
    }

    #[test]
    fn what_is_not_as_it_should_be_is_refused() {
        let check = |rows: Vec<Embedding>, asked, dimension, expect| {
            assert_eq!(in_order(rows, asked, dimension), Err(expect));
        };
        check(vec![row(0, &[1.0])], 2, None, Unfit::Count { asked: 2, got: 1 });
        check(vec![row(0, &[1.0]); 3], 2, None, Unfit::Count { asked: 2, got: 3 });
        check(vec![row(0, &[1.0]), row(0, &[1.0])], 2, None, Unfit::Order);
        check(vec![row(1, &[1.0]), row(2, &[1.0])], 2, None, Unfit::Order);
        check(vec![row(0, &[1.0, 0.0])], 1, Some(3), Unfit::Dimension { expected: 3, got: 2 });
        check(vec![row(0, &[1.0]), row(1, &[1.0, 1.0])], 2, None, Unfit::Dimension { expected: 1, got: 2 });
        check(vec![row(0, &[])], 1, None, Unfit::Dimension { expected: 0, got: 0 });
        for bad in [f32::NAN, f32::INFINITY, 0.0] {
            check(vec![row(0, &[bad, 0.0])], 1, None, Unfit::NoDirection);
        }
    }

    #[test]
    fn large_and_small_numbers_keep_their_direction() {
        for size in [1e30, 1e-30] {
            let vectors = in_order(vec![row(0, &[3.0 * size, 4.0 * size])], 1, None).unwrap();
            assert!((vectors[0][0] - 0.6).abs() < 1e-6 && is_sound(&vectors[0], 2), "{vectors:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_sound(
            rows in proptest::collection::vec((0_u32..4, proptest::collection::vec(any::<f32>(), 0..4)), 0..5),
            asked in 0_usize..5,
        ) {
            let rows = rows.into_iter().map(|(index, embedding)| row(index, &embedding)).collect();
            if let Ok(vectors) = in_order(rows, asked, None) {
                prop_assert_eq!(vectors.len(), asked);
                let dimension = vectors.first().map_or(0, Vec::len);
                prop_assert!(vectors.iter().all(|vector| is_sound(vector, dimension)));
            }
        }
    }
}
