import { join } from "node:path";
import { Option } from "commander";
import { PROJECT_ROOT } from "./paths.ts";

/** Options that several commands have. */
export const dataOption = () =>
  new Option("--data <folder>", "the data folder")
    .env("MITSUBAKO_DATA")
    .default(join(PROJECT_ROOT, "data"), "data");

export const policyOption = () =>
  new Option("--policy <file>", "the policy file")
    .env("MITSUBAKO_POLICY")
    .default(join(PROJECT_ROOT, "policies/default.yaml"), "policies/default.yaml");

export const jsonOption = () => new Option("--json", "print JSON, for programs");
