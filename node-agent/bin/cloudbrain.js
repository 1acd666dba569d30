#!/usr/bin/env node
// Stands outside dist/ so that npm links the command at install, before anything is built.
import "../dist/cli/main.js";
