//! GitHub as a source of changes: pull requests, deployments, releases, workflow runs.
