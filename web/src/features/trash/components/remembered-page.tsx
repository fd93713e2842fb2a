import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactElement, ReactNode } from "react";

import { explain, type Remembered } from "@/shared/api";
import { useNow } from "@/shared/lib/use-now";
import { Button, Icon, LoadMore, Page, PageState, type Toasts } from "@/shared/ui";

import { allowAgain, invalidateTrash, rememberedQuery } from "../api";
import { deletedText, refusalText } from "../model/words";
import styles from "./remembered-page.module.css";

interface RememberedPageProps {
  toasts: Toasts;
  tabs: ReactNode;
}

/** Photos that were deleted for ever, which are not taken again unless the person says so. */
export function RememberedPage({ toasts, tabs }: RememberedPageProps): ReactElement {
  const query = useInfiniteQuery(rememberedQuery);
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const isEmpty = query.isSuccess && items.length === 0 && !query.hasNextPage;
  return (
    <Page title="Trash" tabs={tabs}>
      <div className={styles["content"]}>
        {items.length > 0 && (
          <p className={styles["note"]}>
            You deleted these files for ever. When a phone, a folder or an import offers one of them again, it is turned
            away and noted here. “Allow again” brings nothing back by itself: the file is taken the next time that it is
            uploaded.
          </p>
        )}
        {query.isPending && <p role="status">Loading…</p>}
        {query.isError && items.length === 0 && (
          <PageState
            icon="warning"
            title="The list could not be loaded"
            actions={
              <Button icon="retry" tone="primary" busy={query.isFetching} onClick={() => void query.refetch()}>
                Try again
              </Button>
            }
          >
            {explain(query.error)}
          </PageState>
        )}
        {isEmpty && (
          <PageState icon="memory" title="No deletions are remembered">
            When you delete photos for ever, Afterglow remembers it, so that nothing brings them back unasked.
          </PageState>
        )}
        <ul className={styles["list"]}>
          {items.map((item) => (
            <RememberedRow key={item.checksum} item={item} toasts={toasts} />
          ))}
        </ul>
        <LoadMore things="deletions" query={query} />
      </div>
    </Page>
  );
}

const TICK_MS = 30_000;

function RememberedRow({ item, toasts }: { item: Remembered; toasts: Toasts }): ReactElement {
  const nowMs = useNow(TICK_MS);
  const client = useQueryClient();
  const name = item.filename || "A file without a name";
  const allowing = useMutation({
    mutationFn: () => allowAgain(item.checksum),
    onSuccess: async () => {
      toasts.show(`${name} will be taken the next time that it is uploaded.`);
      await invalidateTrash(client);
    },
    onError: (error) => {
      toasts.show(explain(error), { tone: "danger" });
    },
  });
  const refused = refusalText(item, nowMs);
  return (
    <li className={styles["row"]}>
      <div className={styles["text"]}>
        <h2>{name}</h2>
        <p>
          {deletedText(item.createdAt)} · <span title={`SHA-256 ${item.checksum}`}>{item.checksum.slice(0, 12)}…</span>
        </p>
        {refused !== null && (
          <p className={styles["refused"]}>
            <Icon name="warning" size={14} /> {refused}
          </p>
        )}
      </div>
      {item.allowedAt === null ? (
        <Button
          icon="upload"
          busy={allowing.isPending}
          aria-label={`Allow ${name} again`}
          onClick={() => {
            allowing.mutate();
          }}
        >
          Allow again
        </Button>
      ) : (
        <p className={styles["allowed"]}>
          <Icon name="check" size={16} /> Allowed: taken at its next upload
        </p>
      )}
    </li>
  );
}
