import { Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, Ref } from "react";

type Native = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "style" | "color"> & {
  ref?: Ref<HTMLAnchorElement>;
};

/** A link to a page of the panel, as large as the text around it. */
export const Link = createLink((props: AnchorProps & Native) => <Anchor inherit {...props} />);

/** A link that looks like a button. */
export const LinkButton = createLink((props: ButtonProps & Native) => <Button component="a" {...props} />);
