/** From the configuration's schema to the fields of a form, and from what was typed to a patch. */

import { isRecord } from "../client/frames";
import type { ConfigHint } from "../client/wire";

type Schema = Record<string, unknown>;

export type FieldKind = "switch" | "choice" | "number" | "text" | "lines" | "secret" | "json";

export interface Field {
  path: string;
  label: string;
  help: string;
  kind: FieldKind;
  choices: string[];
  /** Whether it can be unset although it is no text. */
  nullable: boolean;
}

export interface Group {
  path: string;
  label: string;
  help: string;
  fields: Field[];
}

/** A secret as a form shows it: where it is read from, never what it is. */
export type SecretSource = { from: "unset" | "literal" } | { from: "env" | "file"; name: string };

const REDACTED = "__OPENCLAW_REDACTED__";

/** The groups of one section: its own fields, then each table inside it. */
export function groupsOf(section: string, schema: Schema, hints: Record<string, ConfigHint>): Group[] {
  return collect(section, schema, hints).filter((group) => group.fields.length > 0);
}

function collect(path: string, schema: Schema, hints: Record<string, ConfigHint>): Group[] {
  const own: Group = { path, label: titleOf(path, schema), help: helpOf(path, schema, hints), fields: [] };
  const inner: Group[] = [];
  for (const [name, member] of Object.entries(isRecord(schema.properties) ? schema.properties : {})) {
    if (!isRecord(member)) continue;
    const below = `${path}.${name}`;
    if (isTable(member)) inner.push(...collect(below, member, hints));
    else own.fields.push(fieldOf(below, member, hints));
  }
  return [own, ...inner];
}

function isTable(schema: Schema): boolean {
  return schema.type === "object" && isRecord(schema.properties) && Object.keys(schema.properties).length > 0;
}

function fieldOf(path: string, schema: Schema, hints: Record<string, ConfigHint>): Field {
  const variants = Array.isArray(schema.anyOf) ? schema.anyOf.filter(isRecord) : [];
  const nullable = variants.some((variant) => variant.type === "null");
  const real = variants.filter((variant) => variant.type !== "null");
  const plain = real.length === 1 ? (real[0] as Schema) : schema;
  const choices = Array.isArray(plain.enum) ? plain.enum.map(String) : [];
  return {
    path,
    label: titleOf(path, schema),
    help: helpOf(path, schema, hints),
    kind: kindOf(plain),
    choices,
    nullable,
  };
}

function kindOf(schema: Schema): FieldKind {
  if (schema["x-secret"] === true) return "secret";
  if (Array.isArray(schema.enum)) return "choice";
  if (schema.type === "boolean") return "switch";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string") return "text";
  if (schema.type === "array" && isRecord(schema.items) && schema.items.type === "string") return "lines";
  return "json";
}

function titleOf(path: string, schema: Schema): string {
  return typeof schema.title === "string" ? schema.title : path.slice(path.lastIndexOf(".") + 1);
}

function helpOf(path: string, schema: Schema, hints: Record<string, ConfigHint>): string {
  return hints[path]?.help ?? (typeof schema.description === "string" ? schema.description : "");
}

/** The value at a dotted path of a tree, or undefined. */
export function valueAt(tree: Record<string, unknown>, path: string): unknown {
  let value: unknown = tree;
  for (const name of path.split(".")) value = isRecord(value) ? value[name] : undefined;
  return value;
}

export function secretSource(value: unknown): SecretSource {
  if (isRecord(value) && typeof value.env === "string") return { from: "env", name: value.env };
  if (isRecord(value) && typeof value.file === "string") return { from: "file", name: value.file };
  return { from: value === undefined || value === null ? "unset" : "literal" };
}

/** What a field shows for a value. */
export function shownText(field: Field, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (field.kind === "lines" && Array.isArray(value)) return value.join("\n");
  if (field.kind === "json") return JSON.stringify(value, null, 2);
  return value === REDACTED ? "" : String(value);
}

/**
 * The value a text stands for; `null` returns to the default.
 *
 * Throws with the reason when it stands for none.
 */
export function typedValue(field: Field, text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  switch (field.kind) {
    case "number": {
      const value = Number(trimmed);
      if (!Number.isFinite(value)) throw new Error("Write a number");
      return value;
    }
    case "lines":
      return trimmed
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "");
    case "json":
      try {
        return JSON.parse(trimmed);
      } catch (error) {
        throw new Error(`This is not JSON: ${error instanceof Error ? error.message : ""}`);
      }
    default:
      return trimmed;
  }
}

/** Changes by dotted path as one tree for `config.patch`. */
export function patchOf(changes: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const [path, value] of changes) {
    const names = path.split(".");
    const last = names.pop() as string;
    let table = patch;
    for (const name of names) {
      const below = isRecord(table[name]) ? (table[name] as Record<string, unknown>) : {};
      table[name] = below;
      table = below;
    }
    table[last] = value;
  }
  return patch;
}

/** Which field a fault belongs to: the one of its path, or the nearest above it. */
export function fieldFor(path: string, fields: Iterable<string>): string | undefined {
  return [...fields]
    .filter((field) => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`))
    .sort((a, b) => b.length - a.length)[0];
}
