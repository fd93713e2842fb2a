import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useState } from "react";

import { explain } from "@/shared/api";
import { plural } from "@/shared/lib/format";
import type { Selection } from "@/shared/lib/selection";
import { useSelection } from "@/shared/lib/use-selection";
import { Button, LoadMore, Page, PageState, SelectionBar, type Toasts } from "@/shared/ui";

import { listTrashedIds, trashQuery } from "../api";
import { PurgeDialog } from "./purge-dialog";
import { TrashGrid } from "./trash-grid";
import styles from "./trash-page.module.css";
import { useTrashKeys } from "./use-trash-keys";

interface TrashPageProps {
  selection: Selection;
  toasts: Toasts;
  tabs: ReactNode;
  onRestore: (photoIds: readonly string[]) => void;
  onOpen: (photoId: string) => void;
}

export function TrashPage({ selection, toasts, tabs, onRestore, onOpen }: TrashPageProps): ReactElement {
  const query = useInfiniteQuery(trashQuery);
  const state = useSelection(selection);
  const [purging, setPurging] = useState<readonly string[] | null>(null);
  const [isListing, setListing] = useState(false);
  const photos = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const retentionDays = query.data?.pages[0]?.retentionDays ?? null;
  const isEmpty = query.isSuccess && photos.length === 0 && !query.hasNextPage;

  const restore = () => {
    onRestore([...state.ids]);
    selection.clear();
  };
  const purgeSelected = () => {
    if (state.ids.size > 0) setPurging([...state.ids]);
  };
  /** Do something with everything in the trash, also what is not listed yet. */
  const withAll = async (act: (ids: readonly string[]) => void) => {
    setListing(true);
    try {
      act(await listTrashedIds());
    } catch (error) {
      toasts.show(explain(error), { tone: "danger" });
    } finally {
      setListing(false);
    }
  };
  useTrashKeys({ isActive: purging === null, selection, onPurge: purgeSelected });

  return (
    <Page
      title="Trash"
      tabs={tabs}
      actions={
        photos.length > 0 && (
          <>
            <Button
              icon="select"
              busy={isListing && purging === null}
              onClick={() =>
                void withAll((ids) => {
                  selection.add(ids);
                })
              }
            >
              Select all
            </Button>
            <Button icon="trash" disabled={isListing} onClick={() => void withAll(setPurging)}>
              Empty trash
            </Button>
          </>
        )
      }
    >
      {photos.length > 0 && retentionDays !== null && (
        <p className={styles["note"]}>
          Photos are deleted for ever {plural(retentionDays, "day")} after they were moved here. Until then they can be
          restored.
        </p>
      )}
      {query.isPending && <Loading />}
      {query.isError && photos.length === 0 && (
        <PageState
          icon="warning"
          title="The trash could not be loaded"
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
        <PageState icon="trash" title="The trash is empty">
          Photos that you delete wait here before they are gone for ever.
        </PageState>
      )}
      <TrashGrid photos={photos} retentionDays={retentionDays ?? 0} selection={selection} onOpen={onOpen} />
      <LoadMore things="photos" query={query} />
      <SelectionBar
        state={state}
        onClear={() => {
          selection.clear();
        }}
      >
        <Button icon="restore" disabled={state.ids.size === 0} onClick={restore}>
          Restore
        </Button>
        <Button tone="danger" icon="trash" disabled={state.ids.size === 0} onClick={purgeSelected}>
          Delete for ever
        </Button>
      </SelectionBar>
      {purging !== null && (
        <PurgeDialog
          photoIds={purging}
          toasts={toasts}
          onEnd={() => {
            setPurging(null);
            selection.clear();
          }}
          onCancel={() => {
            setPurging(null);
          }}
        />
      )}
    </Page>
  );
}

function Loading(): ReactElement {
  return (
    <div className={styles["loading"]} role="status">
      <span className="visually-hidden">Loading the trash</span>
      {Array.from({ length: 18 }, (_, index) => (
        <span key={index} />
      ))}
    </div>
  );
}
