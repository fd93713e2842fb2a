import { useMutation } from "@tanstack/react-query";
import type { ReactElement, SubmitEvent } from "react";

import { explain } from "@/shared/api";
import { Button, Notice, TextField } from "@/shared/ui";

import { logIn } from "../api";
import { formText } from "../model/form";
import { AuthLayout } from "./auth-layout";

export function LoginPage({ onDone }: { onDone: () => void }): ReactElement {
  const login = useMutation({ mutationFn: logIn, onSuccess: onDone });

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    login.mutate({ email: formText(form, "email").trim(), password: formText(form, "password") });
  };

  return (
    <AuthLayout title="Welcome back" lead="Log in to see your photos.">
      <form onSubmit={submit}>
        {login.isError && <Notice tone="danger">{explain(login.error)}</Notice>}
        <TextField label="E-mail" name="email" type="email" autoComplete="username" required />
        <TextField label="Password" name="password" type="password" autoComplete="current-password" required />
        <Button type="submit" tone="primary" busy={login.isPending}>
          Log in
        </Button>
      </form>
    </AuthLayout>
  );
}
