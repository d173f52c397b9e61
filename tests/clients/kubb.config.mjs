import { defineConfig } from "@kubb/core";
import { pluginOas } from "@kubb/plugin-oas";
import { pluginTs } from "@kubb/plugin-ts";

const { DOCUMENT: path, OUTPUT } = process.env;
export default defineConfig({ input: { path }, output: { path: OUTPUT, format: false, lint: false }, plugins: [pluginOas({ generators: [] }), pluginTs()] });
