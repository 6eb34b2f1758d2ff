package org.mlc.scripts

import groovy.transform.CompileStatic
import org.camunda.bpm.engine.delegate.BpmnError

/** What a script may ask of the execution it runs in, and the record of its writes. */
@CompileStatic
class Execution {
    private final Map<String, Object> now
    private final Map<String, Object> facts
    private final Map<String, Object> changed = new LinkedHashMap<>()
    private final Set<String> gone = new LinkedHashSet<>()

    Execution(Map<String, Object> variables, Map facts) {
        this.now = variables
        this.facts = (Map<String, Object>) facts
    }

    Object getVariable(String name) { now.get(name) }

    boolean hasVariable(String name) { now.containsKey(name) }

    boolean hasVariables() { !now.isEmpty() }

    Map<String, Object> getVariables() { new LinkedHashMap<String, Object>(now) }

    Set<String> getVariableNames() { new LinkedHashSet<String>(now.keySet()) }

    void setVariable(String name, Object value) {
        gone.remove(name)
        now.put(name, value)
        changed.put(name, value)
    }

    void setVariables(Map<String, ?> values) {
        for (Map.Entry<String, ?> each : values.entrySet()) {
            setVariable(each.key as String, each.value)
        }
    }

    void removeVariable(String name) {
        now.remove(name)
        changed.remove(name)
        gone.add(name)
    }

    void removeVariables(Collection<String> names) {
        for (String name : new ArrayList<String>(names)) {
            removeVariable(name)
        }
    }

    /** The same names, read and written by the same rules. */
    Execution getProcessInstance() { this }

    String getId() { (String) facts.get('id') }

    String getProcessInstanceId() { (String) facts.get('processInstanceId') }

    String getProcessDefinitionId() { (String) facts.get('processDefinitionId') }

    String getProcessBusinessKey() { (String) facts.get('processBusinessKey') }

    String getBusinessKey() { (String) facts.get('businessKey') }

    String getCurrentActivityId() { (String) facts.get('currentActivityId') }

    String getCurrentActivityName() { (String) facts.get('currentActivityName') }

    String getActivityInstanceId() { (String) facts.get('activityInstanceId') }

    String getTenantId() { (String) facts.get('tenantId') }

    static Map<String, Object> writtenBy(Execution execution) { execution.changed }

    static Set<String> removedBy(Execution execution) { execution.gone }
}

/** The answer to one run. */
@CompileStatic
class Outcome {
    /** With `thrown`, the script threw that error and has no result. */
    static String text(Object result, Execution execution, BpmnError thrown) {
        StringBuilder out = new StringBuilder(128)
        out.append('{"written":{')
        boolean first = true
        for (Map.Entry<String, Object> each : Execution.writtenBy(execution).entrySet()) {
            if (!first) {
                out.append(',')
            }
            first = false
            Json.quote(out, each.key)
            out.append(':')
            try {
                new Json(out).value(each.value, 0)
            } catch (NotStorable e) {
                throw new NotStorable("variable '" + each.key + "': " + e.message)
            }
        }
        out.append('},"removed":')
        new Json(out).value(new ArrayList<String>(Execution.removedBy(execution)), 0)
        if (thrown != null) {
            out.append(',"thrown":')
            new Json(out).value([code: thrown.errorCode, message: thrown.message], 0)
            return out.append('}').toString()
        }
        out.append(',"result":')
        int here = out.length()
        try {
            new Json(out).value(result, 0)
        } catch (NotStorable e) {
            // many scripts end in a statement whose value nobody asked for
            out.setLength(here)
            out.append('null')
        }
        return out.append('}').toString()
    }
}
