/** Completion of slash commands. */

import type { SlashCommand } from "../client/wire";

export interface Suggestion {
  /** What the field holds once it is chosen. */
  text: string;
  label: string;
  description: string;
}

/** What may follow what was typed; empty for text that is no command. */
export function suggestions(typed: string, commands: SlashCommand[]): Suggestion[] {
  if (!typed.startsWith("/") || typed.includes("\n")) return [];
  const [word = "", ...rest] = typed.split(" ");
  if (rest.length === 0) return commands.filter((command) => matches(command, word)).map(commandSuggestion);
  if (rest.length > 1) return [];
  const command = commands.find((each) => aliases(each).includes(word.toLowerCase()));
  const choices = command?.args?.[0]?.choices ?? [];
  return choices
    .filter((choice) => choice.value.startsWith(rest[0] ?? "") && choice.value !== rest[0])
    .map((choice) => ({ text: `${word} ${choice.value}`, label: choice.label, description: "" }));
}

function matches(command: SlashCommand, word: string): boolean {
  return aliases(command).some((alias) => alias.startsWith(word.toLowerCase()));
}

function commandSuggestion(command: SlashCommand): Suggestion {
  const name = aliases(command)[0] ?? `/${command.name}`;
  return { text: command.acceptsArgs ? `${name} ` : name, label: name, description: command.description };
}

function aliases(command: SlashCommand): string[] {
  return command.textAliases ?? [`/${command.name}`];
}
