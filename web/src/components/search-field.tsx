import { CloseButton, Kbd, TextInput } from "@mantine/core";
import { useDebouncedCallback, useHotkeys } from "@mantine/hooks";
import { Search } from "lucide-react";
import { useRef, useState } from "react";
import { messages } from "../messages.ts";
import classes from "./search-field.module.css";

const SETTLE_MS = 200;

/** Searches a list on the server. `/` gets there from anywhere on the page. */
export function SearchField({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value);
  const settle = useDebouncedCallback(onChange, SETTLE_MS);
  useHotkeys([["/", () => field.current?.focus()]]);
  const search = (next: string) => {
    setText(next);
    settle(next);
  };
  return (
    <TextInput
      ref={field}
      type="search"
      className={classes.field}
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={(event) => search(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Escape") search("");
      }}
      leftSection={<Search size={16} aria-hidden />}
      rightSection={
        text === "" ? (
          <Kbd size="xs" aria-hidden className={classes.key}>
            /
          </Kbd>
        ) : (
          <CloseButton size="sm" aria-label={messages.search.clear} onClick={() => search("")} />
        )
      }
    />
  );
}
