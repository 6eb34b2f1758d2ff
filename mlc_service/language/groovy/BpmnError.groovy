package org.camunda.bpm.engine.delegate

import groovy.transform.CompileStatic
import org.camunda.bpm.engine.ProcessEngineException

/** Thrown by a script, it is a BPMN error: our own stand-in for the class that scripts for Camunda name. */
@CompileStatic
class BpmnError extends ProcessEngineException {
    private final String code
    private final String told

    BpmnError(String errorCode) {
        this(errorCode, null, null)
    }

    BpmnError(String errorCode, String message) {
        this(errorCode, message, null)
    }

    BpmnError(String errorCode, Throwable cause) {
        this(errorCode, null, cause)
    }

    BpmnError(String errorCode, String message, Throwable cause) {
        super(message, cause)
        if (errorCode == null || errorCode.empty) {
            throw new ProcessEngineException('the error code of a BpmnError must be a text that is not empty')
        }
        this.code = errorCode
        this.told = message
    }

    String getErrorCode() { code }

    @Override
    String getMessage() { told }

    @Override
    String toString() { super.toString() + " (errorCode='" + code + "')" }
}
