package org.camunda.bpm.engine

import groovy.transform.CompileStatic

/** What Camunda's own exceptions are; scripts catch it. */
@CompileStatic
class ProcessEngineException extends RuntimeException {
    ProcessEngineException(String message) {
        super(message)
    }

    ProcessEngineException(String message, Throwable cause) {
        super(message, cause)
    }
}
