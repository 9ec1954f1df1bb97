// Waypost and a CRM as processes, each test file its own: a throw-away home, free ports, the built binary. What a process
// said is told where it fails. Everything that is started here ends with the test's process, however that ends.

import { execFile, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Where cargo builds. */
export const BUILT = resolve(ROOT, process.env.CARGO_TARGET_DIR || "target");
const BINARY = resolve(ROOT, process.env.WAYPOST_BIN || join(BUILT, "debug/waypost"));
/** Nothing that is waited for takes longer, on however slow a machine. */
export const PATIENCE_MS = 60_000;
/** Everybody's password here. */
export const PASSWORD = "whale and harbour";

const running = new Set();
const folders = new Set();
/** Ends what a failed test left running; without, this process would wait for it for ever. */
export function endAll() {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
process.on("exit", endAll);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Waits until something holds, and gives it. */
export async function until(what, holds) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const held = await holds();
    if (held) return held;
    if (Date.now() > end) throw new Error(`not after ${PATIENCE_MS / 1000} s: ${what}`);
    await after(20);
  }
}

/** A process whose words are kept. */
class Program {
  constructor(command, args, options = {}) {
    this.said = "";
    this.ended = null;
    this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    running.add(this.child);
    const hear = (text) => (this.said += text);
    this.child.stdout.setEncoding("utf8").on("data", hear);
    this.child.stderr.setEncoding("utf8").on("data", hear);
    this.child.on("error", (error) => (this.ended = `can't be started: ${error.message}`));
    this.child.on("exit", (code, signal) => {
      this.ended = `ended with ${code ?? signal}`;
      running.delete(this.child);
    });
  }

  /** Waits until it says something like this, and gives the first group. */
  async says(pattern) {
    return until(`it says ${pattern}; it said:\n${this.said}`, () => {
      const match = pattern.exec(this.said);
      if (!match && this.ended) throw new Error(`${this.ended}, without saying ${pattern}:\n${this.said}`);
      return match && (match[1] ?? match[0]);
    });
  }

  async stop() {
    this.child.kill("SIGTERM");
    await until(`it stops; it said:\n${this.said}`, () => this.ended);
  }
}

/** The sandbox CRM, which can be told to misbehave. */
export class Crm {
  static async start() {
    const crm = new Crm();
    crm.program = new Program(BINARY, ["sandbox", "--listen", "127.0.0.1:0"]);
    crm.url = (await crm.program.says(/(http:\/\/[\d.:]+)\//)).trim();
    return crm;
  }

  /** What it does from now on; nothing special without. */
  async behave(behaviour = {}) {
    const answer = await fetch(`${this.url}/_behave`, { method: "POST", body: JSON.stringify(behaviour) });
    if (!answer.ok) throw new Error(`no behaviour: ${await answer.text()}`);
  }

  /** The fields of all records of an object. */
  async records(object) {
    const all = await (await fetch(`${this.url}/_records`)).json();
    return (all[object] ?? []).map((record) => record.fields);
  }

  stop() {
    return this.program.stop();
  }
}

/** Waypost on a home of its own. */
export class Waypost {
  /** `crm`: where its connection leads; `rules`: whether the shipped example is in its folder; `terminal`: it believes to
   * run on one, and says the link for the first account; `hooksUrl`: where webhooks come in from outside. */
  static async start({ crm, rules = true, terminal = false, hooksUrl } = {}) {
    const waypost = new Waypost();
    waypost.home = mkdtempSync(join(tmpdir(), "waypost-browser-"));
    folders.add(waypost.home);
    waypost.rules = join(waypost.home, "rules");
    waypost.data = join(waypost.home, "data");
    mkdirSync(waypost.rules);
    if (rules) waypost.exampleRules(crm);
    waypost.git("init", "--quiet", "--initial-branch=main");
    waypost.git("add", "--all");
    waypost.git("commit", "--quiet", "--allow-empty", "--message=The rules as they were");
    const serve = ["serve", "--rules", waypost.rules, "--data", waypost.data, "--show-tokens", "--log", "warn"];
    serve.push("--listen", "127.0.0.1:0", "--ui-listen", "127.0.0.1:0");
    if (hooksUrl) serve.push("--hooks-url", hooksUrl);
    const quoted = [BINARY, ...serve].map((word) => `'${word}'`).join(" ");
    waypost.program = terminal
      ? new Program("script", ["--quiet", "--flush", "--return", "--command", quoted, "/dev/null"])
      : new Program(BINARY, serve);
    waypost.url = await waypost.program.says(/pages +(http:\/\/[\d.:]+)\//);
    if (rules) waypost.hook = await waypost.program.says(/(https?:\/\/[\w.:-]+\/hooks\/harbour-tours\/\w+)/);
    return waypost;
  }

  /** The rules that are shipped as an example, with the connection to this CRM, which is tried again soon. */
  exampleRules(crm) {
    for (const part of ["sources", "connections", "lib", "tables", "payloads", "recipes"]) {
      cpSync(join(ROOT, "rules", part), join(this.rules, part), { recursive: true });
    }
    for (const file of ["guests-to-crm.yaml", "guests-to-crm.test.yaml"]) {
      cpSync(join(ROOT, "rules", file), join(this.rules, file));
    }
    const connection = join(this.rules, "connections/sandbox-crm.yaml");
    const text = readFileSync(connection, "utf8").replace(/^base_url: .*$/m, `base_url: ${crm.url}`);
    writeFileSync(connection, `${text}retry: { schedule: [200ms, 500ms], give_up_after: 72h }\n`);
  }

  /** Writes a file of the rules folder. */
  write(path, text) {
    const file = join(this.rules, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Git, in the rules folder. */
  git(...args) {
    const person = ["-c", "user.name=Ciara Byrne", "-c", "user.email=ciara@example.org"];
    return execFileSync("git", [...person, "-C", this.rules, ...args], { encoding: "utf8" });
  }

  /** Another command on the same home, beside the running one. */
  run(args, input = "") {
    return new Promise((done, failed) => {
      const child = execFile(BINARY, [...args, "--data", this.data], { encoding: "utf8" }, (error, out, err) =>
        error ? failed(new Error(`waypost ${args.join(" ")}: ${err || error.message}`)) : done(out),
      );
      // A command that reads nothing may have ended already.
      child.stdin.on("error", () => {});
      child.stdin.end(input);
    });
  }

  /** An account with a password. */
  async account(email, role, name) {
    await this.run(["user", "add", email, "--role", role, "--name", name], `${PASSWORD}\n`);
  }

  /** A one-time link for a new account. */
  async link(email, role) {
    const told = await this.run(["user", "add", email, "--role", role, "--link", "--ui-url", this.url]);
    return /\/welcome\/\S+/.exec(told)[0];
  }

  /** Posts a webhook as the booking system would. */
  async post(body) {
    const answer = await fetch(this.hook, { method: "POST", body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`the webhook was answered with ${answer.status}`);
  }

  /** Lines of JSON that a command prints. */
  async json(...args) {
    const out = await this.run([...args, "--json"]);
    return out.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  /** Waits until all webhooks are applied and no run works or waits, or only its next try is waited for. */
  async quiet({ waiting = false } = {}) {
    await until(`all is quiet; it said:\n${this.program.said}`, async () => {
      const events = await this.json("events", "--limit", "500");
      if (events.some((event) => event.change.length === 0)) return false;
      const runs = await this.json("runs", "--limit", "500");
      return !runs.some((run) => run.state === "working" || (run.state === "waiting" && !waiting));
    });
  }

  stop() {
    return this.program.stop();
  }
}
