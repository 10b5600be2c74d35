//! The network itself: BERT's encoder (Devlin and others, 2018) with six layers of twelve heads, then the mean over the
//! tokens, to length 1. It must not know a text: tokens in, vectors out.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::{CpuStorage, Device, InplaceOp1, InplaceOp2, Layout, Result, Tensor};
use rayon::prelude::*;

use crate::files::DIMENSION;
use crate::kernels::{Norm, add_bias, add_gelu, add_norm, softmax};

// The shape of this one model, as its config.json says it; a file of another shape has another hash and is refused.
const LAYERS: usize = 6;
const HEADS: usize = 12;
const HEAD: usize = DIMENSION / HEADS;
const EPSILON: f32 = 1e-12;

/// The weights, ready to use.
pub(crate) struct Network {
    words: Tensor,
    /// What is added to a word at each place: the place's vector and that of the first kind of sentence.
    places: Tensor,
    start: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    /// Query, key and value in one product.
    ask: Linear,
    mix: Linear,
    mixed: Norm,
    widen: Linear,
    narrow: Linear,
    out: Norm,
}

struct Linear {
    /// One column an output: the file's matrix, seen the other way round.
    weight: Tensor,
    bias: Vec<f32>,
}

/// The tensors of the file, by name.
struct Weights(HashMap<String, Tensor>);

impl Weights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let found = self.0.get(name).cloned();
        found.ok_or_else(|| candle_core::Error::Msg(format!("it has no {name}")))
    }

    fn vector(&self, name: &str) -> Result<Vec<f32>> {
        self.tensor(name)?.to_vec1()
    }

    fn norm(&self, name: &str) -> Result<Norm> {
        let weight = self.vector(&format!("{name}.LayerNorm.weight"))?;
        Ok(Norm { weight, bias: self.vector(&format!("{name}.LayerNorm.bias"))?, epsilon: EPSILON })
    }

    /// Several linear maps of the same input, side by side.
    fn linear(&self, names: &[String]) -> Result<Linear> {
        let weights = names.iter().map(|name| self.tensor(&format!("{name}.weight")));
        let weights = weights.collect::<Result<Vec<_>>>()?;
        let mut bias = Vec::new();
        for name in names {
            bias.extend(self.vector(&format!("{name}.bias"))?);
        }
        Ok(Linear { weight: Tensor::cat(&weights, 0)?.t()?, bias })
    }

    fn layer(&self, number: usize) -> Result<Layer> {
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let ask = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        Ok(Layer {
            ask: self.linear(&ask)?,
            mix: self.linear(&[name("attention.output.dense")])?,
            mixed: self.norm(&name("attention.output"))?,
            widen: self.linear(&[name("intermediate.dense")])?,
            narrow: self.linear(&[name("output.dense")])?,
            out: self.norm(&name("output"))?,
        })
    }
}

impl Network {
    /// From the bytes of `model.safetensors`.
    ///
    /// # Errors
    /// If they are no such file, or a tensor is missing or has another shape.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let weights = Weights(candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?);
        let places = weights.tensor("embeddings.position_embeddings.weight")?;
        let kinds = weights.tensor("embeddings.token_type_embeddings.weight")?;
        Ok(Network {
            words: weights.tensor("embeddings.word_embeddings.weight")?,
            places: places.broadcast_add(&kinds.narrow(0, 0, 1)?)?,
            start: weights.norm("embeddings")?,
            layers: (0..LAYERS).map(|number| weights.layer(number)).collect::<Result<_>>()?,
        })
    }

    /// One vector of length 1 for each list of tokens, in their order. They are computed together, each as if alone.
    ///
    /// # Errors
    /// If a token is none of the model's, or a list is empty or longer than the model has places.
    pub(crate) fn vectors(&self, lists: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let (mut spans, mut places, mut end) = (Vec::with_capacity(lists.len()), Vec::new(), 0);
        for list in lists {
            spans.push(end..end + list.len());
            places.extend((0_u32..).take(list.len()));
            end += list.len();
        }
        let words = Tensor::from_vec(lists.concat(), end, &Device::Cpu)?;
        let places = Tensor::from_vec(places, end, &Device::Cpu)?;
        let mut x = self.words.index_select(&words, 0)?;
        let nothing = vec![0.0; DIMENSION];
        x.inplace_op2(
            &self.places.index_select(&places, 0)?,
            &AddNorm { bias: &nothing, norm: &self.start },
        )?;
        for layer in &self.layers {
            x = layer.forward(&x, &spans)?;
        }
        let rows = x.flatten_all()?.to_vec1::<f32>()?;
        Ok(spans.into_iter().map(|span| pooled(&rows, span)).collect())
    }
}

impl Layer {
    fn forward(&self, x: &Tensor, spans: &[Range<usize>]) -> Result<Tensor> {
        let asked = x.matmul(&self.ask.weight)?;
        asked.inplace_op1(&AddBias(&self.ask.bias))?;
        let heads = spans.par_iter().map(|span| attend(&asked, span));
        let heads = Tensor::cat(&heads.collect::<Result<Vec<_>>>()?, 0)?;
        let mixed = heads.matmul(&self.mix.weight)?;
        mixed.inplace_op2(x, &AddNorm { bias: &self.mix.bias, norm: &self.mixed })?;
        let wide = mixed.matmul(&self.widen.weight)?;
        wide.inplace_op1(&AddGelu(&self.widen.bias))?;
        let out = wide.matmul(&self.narrow.weight)?;
        out.inplace_op2(&mixed, &AddNorm { bias: &self.narrow.bias, norm: &self.out })?;
        Ok(out)
    }
}

/// Each token of one text looks at all of them (Vaswani and others, 2017, section 3.2), in every head.
fn attend(asked: &Tensor, span: &Range<usize>) -> Result<Tensor> {
    let length = span.len();
    let part = asked.narrow(0, span.start, length)?.reshape((length, 3, HEADS, HEAD))?;
    let of = |which| part.narrow(1, which, 1)?.squeeze(1)?.transpose(0, 1);
    let (query, key, value) = (of(0)?, of(1)?, of(2)?);
    let weights = query.matmul(&key.t()?)?;
    weights.inplace_op1(&Softmax { width: length, scale: 1.0 / (HEAD as f32).sqrt() })?;
    weights.matmul(&value)?.transpose(0, 1)?.reshape((length, DIMENSION))
}

/// The mean of the rows of `span`, to length 1.
fn pooled(rows: &[f32], span: Range<usize>) -> Vec<f32> {
    let mut mean = vec![0.0_f32; DIMENSION];
    let count = span.len() as f32;
    for row in rows.chunks_exact(DIMENSION).skip(span.start).take(span.len()) {
        for (sum, x) in mean.iter_mut().zip(row) {
            *sum += x;
        }
    }
    for sum in &mut mean {
        *sum /= count;
    }
    let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    for x in &mut mean {
        *x /= length;
    }
    mean
}

// --- The kernels, as candle calls them -------------------------------------------------------------------------------

struct AddBias<'a>(&'a [f32]);
struct AddGelu<'a>(&'a [f32]);
struct AddNorm<'a> {
    bias: &'a [f32],
    norm: &'a Norm,
}
struct Softmax {
    width: usize,
    scale: f32,
}

fn wrong(name: &str) -> candle_core::Error {
    candle_core::Error::Msg(format!("{name} takes 32-bit floats that lie side by side"))
}

fn writable<'a>(name: &str, storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let CpuStorage::F32(data) = storage else { return Err(wrong(name)) };
    let (from, to) = layout.contiguous_offsets().ok_or_else(|| wrong(name))?;
    data.get_mut(from..to).ok_or_else(|| wrong(name))
}

fn readable<'a>(name: &str, storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(data) = storage else { return Err(wrong(name)) };
    let (from, to) = layout.contiguous_offsets().ok_or_else(|| wrong(name))?;
    data.get(from..to).ok_or_else(|| wrong(name))
}

impl InplaceOp1 for AddBias<'_> {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        add_bias(writable(self.name(), storage, layout)?, self.0);
        Ok(())
    }
}

impl InplaceOp1 for AddGelu<'_> {
    fn name(&self) -> &'static str {
        "add-gelu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        add_gelu(writable(self.name(), storage, layout)?, self.0);
        Ok(())
    }
}

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        softmax(writable(self.name(), storage, layout)?, self.width, self.scale);
        Ok(())
    }
}

impl InplaceOp2 for AddNorm<'_> {
    fn name(&self) -> &'static str {
        "add-norm"
    }

    fn cpu_fwd(&self, s1: &mut CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<()> {
        let (data, other) = (writable(self.name(), s1, l1)?, readable(self.name(), s2, l2)?);
        if data.len() != other.len() {
            return Err(wrong(self.name()));
        }
        add_norm(data, self.bias, other, self.norm);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_of_weights_is_refused() {
        assert!(Network::parse(b"").is_err());
        assert!(Network::parse(&[0xff; 64]).is_err());
    }

    #[test]
    fn a_file_without_a_tensor_is_refused_with_its_name() {
        let header = br#"{"__metadata__":{"format":"pt"}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        let told = Network::parse(&bytes).err().unwrap().to_string();
        assert!(told.contains("embeddings.position_embeddings.weight"), "{told}");
    }

    #[test]
    fn a_pooled_vector_has_length_one() {
        let rows: Vec<f32> = (0..3 * DIMENSION).map(|i| i as f32).collect();
        let vector = pooled(&rows, 1..3);
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(pooled(&vec![0.0; DIMENSION], 0..1).iter().all(|x| *x == 0.0));
    }
}
