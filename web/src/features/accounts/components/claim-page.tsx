import { useMutation } from "@tanstack/react-query";
import type { ReactElement, SubmitEvent } from "react";

import { explain } from "@/shared/api";
import { Button, Notice, TextField } from "@/shared/ui";

import { claimServer } from "../api";
import { formText } from "../model/form";
import { AuthLayout } from "./auth-layout";

const LEAD = (
  <>
    This server belongs to nobody yet. The claim code is printed where it was started, and kept in the file{" "}
    <code>claim-code</code> of its data folder.
  </>
);

export function ClaimPage({ onDone }: { onDone: () => void }): ReactElement {
  const claim = useMutation({ mutationFn: claimServer, onSuccess: onDone });

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    claim.mutate({
      code: formText(form, "code").trim(),
      name: formText(form, "name").trim(),
      email: formText(form, "email").trim(),
      password: formText(form, "password"),
    });
  };

  return (
    <AuthLayout title="Make this server yours" lead={LEAD}>
      <form onSubmit={submit}>
        {claim.isError && <Notice tone="danger">{explain(claim.error)}</Notice>}
        <TextField label="Claim code" name="code" autoComplete="one-time-code" spellCheck={false} required />
        <TextField label="Your name" name="name" autoComplete="name" required />
        <TextField label="E-mail" name="email" type="email" autoComplete="username" required />
        <TextField
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          hint="A long sentence that only you would say is best."
          required
        />
        <Button type="submit" tone="primary" busy={claim.isPending}>
          Claim server
        </Button>
      </form>
    </AuthLayout>
  );
}
