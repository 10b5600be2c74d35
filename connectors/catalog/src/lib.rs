//! Service catalogs: Backstage catalog-info.yaml and CODEOWNERS.
