/** One page of functions for as long as its component lives; what runs ends with it. */

import type { InvokeForm } from '@berth/protocol'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { callTask } from '../call/call-task.ts'
import { Workspace, type WorkspaceView } from '../page/workspace.ts'

export function useWorkspace(form: InvokeForm): { workspace: Workspace; view: WorkspaceView } {
  const [workspace] = useState(() => new Workspace(form, { call: callTask }))
  const view = useSyncExternalStore(workspace.subscribe, workspace.read)
  useEffect(() => () => workspace.stop(), [workspace])
  return { workspace, view }
}
