// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Who may do what
/// @notice Creates the AccessManager and its only admin, a timelock of 48 hours that a multisig proposes to and executes
///         from. Until `wire` its deployer can still name the contracts' functions; afterwards nobody but the timelock
///         changes anything, this contract included.
contract QUIVerRoles {
    struct Assignment {
        address target;
        uint64 role;
        bytes4[] selectors;
    }

    /// @notice Pauses deposits and submits, and disables roots.
    uint64 public constant GUARDIAN = 1;
    /// @notice Decides on reports.
    uint64 public constant ARBITER = 2;
    /// @notice Ends a pause: the multisig, at once.
    uint64 public constant RESUMER = 3;

    uint256 public constant TIMELOCK_DELAY = 48 hours;

    AccessManager public immutable manager;
    TimelockController public immutable timelock;
    address private immutable deployer;

    /// @notice Whether the timelock alone is admin.
    bool public wired;

    event Wired(address manager, address timelock);

    error OnlyDeployer(address caller);
    error AlreadyWired();
    error ZeroAddress();

    /// @param deployer_ may call `wire`; named, since the sender is the factory that gives the contracts their addresses
    constructor(address deployer_, address multisig, address guardian, address arbiter) {
        if (multisig == address(0) || guardian == address(0) || arbiter == address(0)) revert ZeroAddress();
        deployer = deployer_;
        address[] memory members = new address[](1);
        members[0] = multisig;
        timelock = new TimelockController(TIMELOCK_DELAY, members, members, address(0));
        manager = new AccessManager(address(this));

        _label(GUARDIAN, "guardian", guardian);
        _label(ARBITER, "arbiter", arbiter);
        _label(RESUMER, "resumer", multisig);
    }

    /// @notice Gives functions to roles and the administration to the timelock, once. What isn't named here stays with
    ///         the admin.
    function wire(Assignment[] calldata assignments) external {
        if (msg.sender != deployer) revert OnlyDeployer(msg.sender);
        if (wired) revert AlreadyWired();
        wired = true;
        for (uint256 i = 0; i < assignments.length; ++i) {
            Assignment calldata assignment = assignments[i];
            manager.setTargetFunctionRole(assignment.target, assignment.selectors, assignment.role);
        }
        uint64 admin = manager.ADMIN_ROLE();
        manager.grantRole(admin, address(timelock), 0);
        manager.renounceRole(admin, address(this));
        emit Wired(address(manager), address(timelock));
    }

    function _label(uint64 role, string memory name, address member) private {
        manager.labelRole(role, name);
        manager.grantRole(role, member, 0);
    }
}
