import { Type } from "typebox";

/** 50 years: what DigitalOcean's API takes at most, and Terraform asks for. */
const MAX_EXPIRY_SECONDS = 1_576_800_000;

export const ExpirySeconds = Type.Integer({
  minimum: 0,
  maximum: MAX_EXPIRY_SECONDS,
  default: 0,
  description: "For how many seconds it lives; 0: until it is revoked.",
});
